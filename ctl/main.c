/*
 * smtpguardctl -- look at and change a running smtpguard
 *
 * It is thin: the manager executes, completes and explains; this side reads lines, sends them
 * over the control socket and shows the answers.  Exit codes are those of sysexits.h.
 */
#include "config.h"
#include "ctl/command.h"
#include "ctl/local_command.h"
#include "ctl/output.h"
#include "ctl/shell.h"

#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define COMMANDS_MAX  256
#define CANDIDATE_MAX 256

struct options {
	const char *socket;
	const char *file;
	const char *complete; /* for the completion of shells */
	bool json;
	unsigned commands;
	const char *command[COMMANDS_MAX];
};

static const char usage[] =
    "usage: smtpguardctl [-s SOCKET] [--json] [-c COMMAND]... [-f FILE] [COMMAND WORDS]\n"
    "\n"
    "  -s, --socket SOCKET    control socket (" SMTPGUARD_RUNTIMEDIR "/control.sock)\n"
    "  -c, --command COMMAND  run COMMAND; may be repeated, in order, in one dialogue\n"
    "  -f, --file FILE        run the lines of FILE (- for standard input); stops at the first "
    "error\n"
    "      --json             answers of `show` as JSON\n"
    "  -h, --help             this text\n"
    "  -V, --version          the version\n"
    "\n"
    "Without a command: interactive; ? helps, TAB completes.\n"
    "No running gateway is needed by: failover key generate FILE, failover setup FOLDER.\n"
    "Answers can be filtered: 'show conn | include 192.0.2', | exclude RE, | begin RE, | count.\n";

static int
options_parse(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {
	    {"socket", required_argument, NULL, 's'},
	    {"command", required_argument, NULL, 'c'},
	    {"file", required_argument, NULL, 'f'},
	    {"json", no_argument, NULL, 'j'},
	    {"complete", required_argument, NULL, 'C'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {NULL, 0, NULL, 0},
	};
	int option;

	/* "+": the words of a command are not options of ours. */
	while ((option = getopt_long(argc, argv, "+s:c:f:hV", names, NULL)) != -1) {
		switch (option) {
		case 's':
			options->socket = optarg;
			break;
		case 'c':
			if (options->commands == COMMANDS_MAX) {
				fprintf(
				    stderr, "smtpguardctl: more than %d commands\n", COMMANDS_MAX);
				return EX_USAGE;
			}
			options->command[options->commands++] = optarg;
			break;
		case 'f':
			options->file = optarg;
			break;
		case 'j':
			options->json = true;
			break;
		case 'C':
			options->complete = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(EX_OK);
		case 'V':
			puts("smtpguardctl " SMTPGUARD_VERSION);
			exit(EX_OK);
		default:
			fputs(usage, stderr);
			return EX_USAGE;
		}
	}
	return EX_OK;
}

static int
run_file(struct command_context *context, const char *path)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char line[COMMAND_LINE_MAX], origin[300];
	int status = EX_OK;

	if (file == NULL) {
		perror(path);
		return EX_NOINPUT;
	}
	for (unsigned number = 1; status == EX_OK; number++) {
		enum command_read read = command_read_line(file, line);

		if (read == COMMAND_READ_END)
			break;
		snprintf(origin, sizeof(origin), "%.250s:%u: ", path, number);
		context->origin = origin;
		if (read == COMMAND_READ_LINE) {
			status = command_run(context, line);
		} else {
			fprintf(stderr, "%s%% The line is too long or holds a NUL\n", origin);
			status = EX_DATAERR;
		}
	}
	if (status == EX_OK && ferror(file)) {
		perror(path);
		status = EX_IOERR;
	}
	context->origin = "";
	if (file != stdin)
		fclose(file);
	return status;
}

static bool
print_candidates(void *unused, const struct control_reply *reply)
{
	char word[CANDIDATE_MAX], help[CANDIDATE_MAX];

	(void)unused;
	for (unsigned i = 0; i < reply->candidates; i++) {
		output_plain(word, sizeof(word), reply->candidate[i].word);
		output_plain(help, sizeof(help), reply->candidate[i].help);
		printf("%s\t%s\n", word, help);
	}
	return true;
}

static int
run_all(struct command_context *context, const struct options *options, int words, char **word)
{
	char line[COMMAND_LINE_MAX];
	unsigned status;
	int result = EX_OK;

	if (options->complete != NULL) {
		result = client_ask(context->client, CONTROL_COMPLETE, options->complete, false,
		    print_candidates, NULL, &status);
		return result != 0 ? result : (int)status;
	}
	if (options->commands == 0 && options->file == NULL && words == 0)
		return shell_run(context);
	for (unsigned i = 0; i < options->commands && result == EX_OK; i++)
		result = command_run(context, options->command[i]);
	if (options->file != NULL && result == EX_OK)
		result = run_file(context, options->file);
	if (words > 0 && result == EX_OK) {
		if (!command_join(line, sizeof(line), word, words)) {
			fputs("smtpguardctl: the command is too long\n", stderr);
			return EX_USAGE;
		}
		result = command_run(context, line);
	}
	return result;
}

int
main(int argc, char **argv)
{
	struct options options = {.socket = SMTPGUARD_RUNTIMEDIR "/control.sock"};
	struct command_context context = {.origin = "", .caret_indent = SIZE_MAX};
	int status = options_parse(&options, argc, argv);

	if (status != EX_OK)
		return status;
	if (local_command_run(argc - optind, argv + optind, &status))
		return status;
	if (options.complete != NULL)
		local_command_complete(options.complete);
	context.json = options.json;
	status = client_open(options.socket, &context.client);
	if (status != EX_OK)
		return status;
	status = run_all(&context, &options, argc - optind, argv + optind);
	client_close(context.client);
	/* An answer that the disk had no room for has not been given. */
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("smtpguardctl: standard output");
		return status != EX_OK ? status : EX_IOERR;
	}
	return status;
}
