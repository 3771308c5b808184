#include "ctl/shell.h"

#include "config.h"
#include "ctl/output.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <unistd.h>

#if HAVE_LIBEDIT
#include <histedit.h>
#endif

#define PAGE_DEFAULT 24u

static bool
shell_is_last(const struct command_context *context, const char *line)
{
	/* The manager ends the dialogue by giving no prompt any more. */
	return context->prompt[0] == '\0' && line[0] != '\0';
}

/* Passes over a word that abbreviates `whole`; NULL: it is another. */
static const char *
shell_skip_word(const char *line, const char *whole)
{
	size_t length;

	line += strspn(line, " \t");
	length = strcspn(line, " \t");
	return length > 0 && strncasecmp(line, whole, length) == 0 && length <= strlen(whole)
		   ? line + length
		   : NULL;
}

/* `terminal length N` concerns this side. The manager has taken the line: its abbreviations are
 * unique and its number is in range. */
static void
shell_note_terminal(struct command_context *context, const char *line)
{
	char *end;
	unsigned long length;

	line = shell_skip_word(line, "terminal");
	line = line != NULL ? shell_skip_word(line, "length") : NULL;
	if (line == NULL)
		return;
	length = strtoul(line, &end, 10);
	if (end != line && length <= UINT_MAX)
		context->page = (unsigned)length;
}

static int
shell_execute(struct command_context *context, char *line, bool *ret_last)
{
	int status;

	line[strcspn(line, "\r\n")] = '\0';
	status = command_run(context, line);
	if (status == EX_OK)
		shell_note_terminal(context, line);
	*ret_last = context->lost || shell_is_last(context, line);
	return status;
}

static int
shell_run_lines(struct command_context *context)
{
	char line[COMMAND_LINE_MAX];
	bool last = false;
	int status = EX_OK;

	while (!last) {
		switch (command_read_line(stdin, line)) {
		case COMMAND_READ_LINE:
			status = shell_execute(context, line, &last);
			break;
		case COMMAND_READ_REFUSED:
			fputs("% The line is too long or holds a NUL\n", stderr);
			status = EX_DATAERR;
			break;
		case COMMAND_READ_END:
			return status;
		}
	}
	return status;
}

#if HAVE_LIBEDIT

struct shell {
	struct command_context *context;
	EditLine *edit;
	History *history;
};

struct shell_candidates {
	char common[128]; /* what all candidates begin with */
	unsigned count;
	bool list; /* print them */
};

static bool
shell_take_candidates(void *argument, const struct control_reply *reply)
{
	struct shell_candidates *found = argument;

	for (unsigned i = 0; i < reply->candidates; i++) {
		char word[128], help[256];

		output_plain(word, sizeof(word), reply->candidate[i].word);
		output_plain(help, sizeof(help), reply->candidate[i].help);
		if (found->count++ == 0) {
			snprintf(found->common, sizeof(found->common), "%s", word);
		} else {
			size_t same = 0;

			while (found->common[same] != '\0' && found->common[same] == word[same])
				same++;
			found->common[same] = '\0';
		}
		if (found->list)
			printf("  %-24s %s\n", word, help);
	}
	if (found->list && reply->text_length > 0)
		printf("%.*s\n", (int)reply->text_length, (const char *)reply->text);
	return true;
}

static unsigned char
shell_ask_candidates(struct shell *shell, enum control_kind kind, struct shell_candidates *found)
{
	const LineInfo *info = el_line(shell->edit);
	char line[COMMAND_LINE_MAX];
	unsigned status;

	snprintf(line, sizeof(line), "%.*s", (int)(info->cursor - info->buffer), info->buffer);
	return client_ask(shell->context->client, kind, line, false, shell_take_candidates, found,
		   &status) == 0;
}

static unsigned char
shell_help(EditLine *edit, int key)
{
	struct shell_candidates found = {.list = true};
	struct shell *shell = NULL;

	(void)key;
	el_get(edit, EL_CLIENTDATA, &shell);
	puts("?");
	shell_ask_candidates(shell, CONTROL_HELP, &found);
	fflush(stdout);
	return CC_REDISPLAY;
}

static unsigned char
shell_complete(EditLine *edit, int key)
{
	struct shell_candidates found = {.list = false};
	struct shell *shell = NULL;
	const LineInfo *info;
	size_t typed = 0;

	(void)key;
	el_get(edit, EL_CLIENTDATA, &shell);
	if (!shell_ask_candidates(shell, CONTROL_COMPLETE, &found) || found.count == 0)
		return CC_ERROR;
	info = el_line(edit);
	while (info->cursor - typed > info->buffer && info->cursor[-(ptrdiff_t)typed - 1] != ' ')
		typed++;
	if (strlen(found.common) > typed &&
	    strncasecmp(found.common, info->cursor - typed, typed) == 0)
		el_insertstr(edit, found.common + typed);
	if (found.count == 1) {
		el_insertstr(edit, " ");
		return CC_REFRESH;
	}
	found = (struct shell_candidates){.list = true};
	putchar('\n');
	shell_ask_candidates(shell, CONTROL_COMPLETE, &found);
	fflush(stdout);
	return CC_REDISPLAY;
}

static char *
shell_prompt(EditLine *edit)
{
	struct shell *shell = NULL;

	el_get(edit, EL_CLIENTDATA, &shell);
	return shell->context->prompt;
}

static void
shell_bind(struct shell *shell)
{
	el_set(shell->edit, EL_CLIENTDATA, shell);
	el_set(shell->edit, EL_PROMPT, shell_prompt);
	el_set(shell->edit, EL_EDITOR, "emacs");
	el_set(shell->edit, EL_SIGNAL, 1);
	el_set(shell->edit, EL_HIST, history, shell->history);
	el_set(shell->edit, EL_ADDFN, "smtpguard-help", "what may come next", shell_help);
	el_set(shell->edit, EL_ADDFN, "smtpguard-complete", "complete the word", shell_complete);
	el_set(shell->edit, EL_BIND, "?", "smtpguard-help", NULL);
	el_set(shell->edit, EL_BIND, "\t", "smtpguard-complete", NULL);
	el_set(shell->edit, EL_BIND, "^V", "ed-quoted-insert", NULL);
}

static int
shell_run_terminal(struct command_context *context)
{
	struct shell shell = {.context = context};
	HistEvent event;
	int status = EX_OK, count;
	bool last = false;

	shell.edit = el_init("smtpguardctl", stdin, stdout, stderr);
	shell.history = history_init();
	if (shell.edit == NULL || shell.history == NULL)
		return EX_OSERR;
	history(shell.history, &event, H_SETSIZE, 500);
	shell_bind(&shell);
	while (!last) {
		const char *typed = el_gets(shell.edit, &count);
		char line[COMMAND_LINE_MAX];

		if (typed == NULL && count < 0 && errno == EINTR) {
			/* Ctrl-C gives the line up. */
			putchar('\n');
			el_reset(shell.edit);
			continue;
		}
		if (typed == NULL || count <= 0)
			break;
		if (strlen(typed) >= sizeof(line)) {
			fputs("% The line is too long\n", stderr);
			continue;
		}
		snprintf(line, sizeof(line), "%s", typed);
		if (line[strspn(line, " \r\n")] != '\0')
			history(shell.history, &event, H_ENTER, typed);
		context->caret_indent = strlen(context->prompt);
		status = shell_execute(context, line, &last);
	}
	putchar('\n');
	history_end(shell.history);
	el_end(shell.edit);
	return status;
}
#endif

int
shell_run(struct command_context *context)
{
	/* The dialogue begins as on the device: looking first, `enable` to change something. */
	int status = command_run(context, "disable");

	if (status != EX_OK)
		return status;
#if HAVE_LIBEDIT
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {
		context->page = PAGE_DEFAULT;
		client_catch_interrupt(context->client);
		return shell_run_terminal(context);
	}
#endif
	return shell_run_lines(context);
}
