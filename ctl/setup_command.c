#include "ctl/setup_command.h"

#include "ctl/setup.h"
#include "ctl/setup_folder.h"
#include "ctl/setup_text.h"

#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#define TEXT_MAX 65536

static int
usage(void)
{
	fputs("usage: smtpguardctl failover setup FOLDER [KEYWORD VALUE...]...\n\n", stderr);
	for (unsigned key = 0; setup_word(key) != NULL; key++)
		fprintf(stderr, "  %-10s %s\n", setup_word(key), setup_question(key));
	return EX_USAGE;
}

static int
refused(int status, const char *why)
{
	fprintf(stderr, "smtpguardctl: failover setup: %s\n", why);
	return status;
}

static int
settings_are_good(const struct setup *setup)
{
	struct text errors;
	int status = EX_OK;

	text_init(&errors, TEXT_MAX);
	if (!setup_text_check(setup, &errors)) {
		fputs(text_string(&errors), stderr);
		status = EX_DATAERR;
	}
	text_free(&errors);
	return status;
}

static int
make(const struct setup *setup, const char *folder)
{
	char why[SETUP_WHY_MAX];
	struct text steps;

	if (!setup_folder_write(setup, folder, why))
		return refused(EX_CANTCREAT, why);
	text_init(&steps, TEXT_MAX);
	setup_text_steps(setup, folder, &steps);
	fputs(text_string(&steps), stdout);
	text_free(&steps);
	return EX_OK;
}

static int
run(struct setup *setup, int words, char *const *word)
{
	char why[SETUP_WHY_MAX];

	if (!setup_take_words(setup, words - 3, word + 3, why))
		return refused(EX_USAGE, why);
	if (setup_lacks(setup) && isatty(STDIN_FILENO) && !setup_ask(setup, stdin, stdout))
		return refused(EX_USAGE, "the input has ended");
	if (!setup_complete(setup, why))
		return refused(EX_USAGE, why);
	if (!setup_check(setup, why))
		return refused(EX_DATAERR, why);
	int status = settings_are_good(setup);
	return status != EX_OK ? status : make(setup, word[2]);
}

int
setup_command_run(int words, char *const *word)
{
	if (words < 3)
		return usage();
	struct setup *setup = calloc(1, sizeof(*setup));
	if (setup == NULL)
		return refused(EX_OSERR, "out of memory");
	int status = run(setup, words, word);
	free(setup);
	return status;
}
