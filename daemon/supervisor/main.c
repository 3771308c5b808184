/* smtpguardd -- the supervisor: options, settings, then the loop */
#include "config.h"
#include "daemon/supervisor/door_command.h"
#include "daemon/supervisor/settings.h"
#include "daemon/supervisor/settings_kept.h"
#include "daemon/supervisor/standard_error.h"
#include "daemon/supervisor/supervisor.h"
#include "shm/fits.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

struct options {
	const char *configuration;
	const char *runtime_directory;
	const char *state_directory;
	const char *libexec_directory; /* NULL: not given */
	const char *door;	       /* what is to be done with it; NULL: nothing */
	bool test;
};

enum {
	OPTION_RUNTIME = 256,
	OPTION_STATE,
	OPTION_LIBEXEC,
	OPTION_DOOR,
	OPTION_HELP,
	OPTION_VERSION
};

static const struct option long_options[] = {
    {"runtime-dir", required_argument, NULL, OPTION_RUNTIME},
    {"state-dir", required_argument, NULL, OPTION_STATE},
    {"libexec-dir", required_argument, NULL, OPTION_LIBEXEC},
    {"door", required_argument, NULL, OPTION_DOOR},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

static void
print_usage(FILE *to)
{
	fputs("usage: smtpguardd [-c FILE] [-t] [--runtime-dir DIR] [--state-dir DIR]\n"
	      "                  [--libexec-dir DIR] [--door WORD] [--help] [--version]\n"
	      "  -c FILE             configuration (" SMTPGUARD_SYSCONFDIR "/smtpguard.conf)\n"
	      "  -t                  check the configuration, report all errors, exit\n"
	      "  --runtime-dir DIR   lock and control socket (" SMTPGUARD_RUNTIMEDIR ")\n"
	      "  --state-dir DIR     startup-config, quarantine (" SMTPGUARD_STATEDIR ")\n"
	      "  --libexec-dir DIR   where the other programs of the gateway are\n"
	      "  --door WORD         of a pair's addresses: " DOOR_COMMAND_WORDS "; exit\n",
	    to);
}

/* -1: go on; else the exit status. */
static int
parse_options(int argc, char **argv, struct options *options)
{
	int c;

	while ((c = getopt_long(argc, argv, "c:t", long_options, NULL)) != -1) {
		switch (c) {
		case 'c':
			options->configuration = optarg;
			break;
		case 't':
			options->test = true;
			break;
		case OPTION_RUNTIME:
			options->runtime_directory = optarg;
			break;
		case OPTION_STATE:
			options->state_directory = optarg;
			break;
		case OPTION_LIBEXEC:
			options->libexec_directory = optarg;
			break;
		case OPTION_DOOR:
			options->door = optarg;
			break;
		case OPTION_HELP:
			print_usage(stdout);
			return EX_OK;
		case OPTION_VERSION:
			puts("smtpguardd " SMTPGUARD_VERSION);
			return EX_OK;
		default:
			print_usage(stderr);
			return EX_USAGE;
		}
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "smtpguardd: unexpected argument \"%s\"\n", argv[optind]);
	print_usage(stderr);
	return EX_USAGE;
}

static bool
join(char *to, const char *directory, const char *name)
{
	int length = snprintf(to, SUPERVISOR_PATH_MAX, "%s/%s", directory, name);

	return length > 0 && length < SUPERVISOR_PATH_MAX;
}

static bool
find_self(struct supervisor *supervisor)
{
	ssize_t length =
	    readlink("/proc/self/exe", supervisor->own_path, sizeof(supervisor->own_path) - 1);

	if (length <= 0)
		return false;
	supervisor->own_path[length] = '\0';
	return true;
}

/* In the build tree the programs lie beside each other: BUILD/daemon/supervisor/smtpguardd. */
static bool
find_in_build_tree(struct supervisor *supervisor)
{
	static const char place[] = "/daemon/supervisor/smtpguardd";
	char self[SUPERVISOR_PATH_MAX];
	size_t tail = sizeof(place) - 1, length = strlen(supervisor->own_path);

	if (length <= tail)
		return false;
	memcpy(self, supervisor->own_path, length + 1);
	if (strcmp(self + length - tail, place) != 0)
		return false;
	self[length - tail] = '\0';
	return join(supervisor->worker_path, self, "worker/smtpguard-worker") &&
	       join(supervisor->sync_path, self, "daemon/sync/smtpguard-sync") &&
	       join(supervisor->gate_path, self, "daemon/gate/smtpguard-gate") &&
	       join(supervisor->manager_path, self, "daemon/manager/smtpguard-manager") &&
	       access(supervisor->manager_path, X_OK) == 0;
}

static bool
find_programs(struct supervisor *supervisor, const char *directory)
{
	if (!find_self(supervisor))
		return false;
	if (!directory && find_in_build_tree(supervisor))
		return true;
	if (!directory)
		directory = SMTPGUARD_LIBEXECDIR;
	return join(supervisor->worker_path, directory, "smtpguard-worker") &&
	       join(supervisor->sync_path, directory, "smtpguard-sync") &&
	       join(supervisor->gate_path, directory, "smtpguard-gate") &&
	       join(supervisor->manager_path, directory, "smtpguard-manager");
}

/* There may be sessions to be taken over: then an error in the file ends nothing. */
static int
read_settings(struct supervisor *supervisor, const struct options *options)
{
	int status =
	    settings_read(supervisor->manager_path, options->configuration, &supervisor->settings);

	if (status == 0)
		status = settings_check_key(options->configuration, &supervisor->settings.failover);
	if (status == 0 || !settings_kept_read(options->runtime_directory,
			       supervisor->kept.memory[SHM_CONTROL] >= 0, &supervisor->settings))
		return status;
	fprintf(stderr,
	    "smtpguardd: warning: %s cannot be used (see above): going on with the settings of the "
	    "smtpguardd that has died\n",
	    options->configuration);
	return 0;
}

static int
run_door(struct supervisor *supervisor, const struct options *options)
{
	int status =
	    settings_read(supervisor->manager_path, options->configuration, &supervisor->settings);

	return status == 0 ? door_command(&supervisor->settings.failover, options->door) : status;
}

static int
run(struct supervisor *supervisor, const struct options *options)
{
	int status;

	if (!find_programs(supervisor, options->libexec_directory)) {
		fprintf(stderr, "smtpguardd: the name of the program folder is too long\n");
		return EX_USAGE;
	}
	if (geteuid() != 0) {
		fprintf(stderr, "smtpguardd: must be started as root: it gives its privileges up "
				"in the processes that read mail\n");
		return EX_NOPERM;
	}
	if (options->test)
		return settings_test(supervisor->manager_path, options->configuration);
	if (options->door)
		return run_door(supervisor, options);
	kept_take(&supervisor->kept);
	status = read_settings(supervisor, options);
	if (status != 0)
		return status;
	status = supervisor_open(supervisor, options->runtime_directory, options->state_directory);
	if (status == 0)
		status = supervisor_run(supervisor);
	supervisor_close(supervisor);
	return status;
}

int
main(int argc, char **argv)
{
	struct options options = {
	    .configuration = SMTPGUARD_SYSCONFDIR "/smtpguard.conf",
	    .runtime_directory = SMTPGUARD_RUNTIMEDIR,
	    .state_directory = SMTPGUARD_STATEDIR,
	};
	struct supervisor *supervisor;
	int status;

	standard_error_unblock();
	if (argc == 2 && strcmp(argv[1], FITS_OPTION) == 0)
		return fits_main("smtpguardd");
	status = parse_options(argc, argv, &options);

	if (status >= 0)
		return status;
	supervisor = calloc(1, sizeof(*supervisor));
	if (!supervisor) {
		fprintf(stderr, "smtpguardd: out of memory\n");
		return EX_OSERR;
	}
	supervisor->arguments = argv;
	supervisor->configuration = options.configuration;
	status = run(supervisor, &options);
	free(supervisor);
	return status;
}
