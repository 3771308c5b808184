#include "ctl/key_command.h"

#include "daemon/sync/key.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

int
key_command_run(int words, char *const *word)
{
	char why[KEY_WHY_MAX];

	if (words != 4 || strcmp(word[2], "generate") != 0) {
		fputs("usage: smtpguardctl failover key generate FILE\n", stderr);
		return EX_USAGE;
	}
	if (key_generate(word[3], why) != 0) {
		fprintf(stderr, "smtpguardctl: %s: %s\n", word[3], why);
		return EX_CANTCREAT;
	}
	printf(
	    "%s: a new key. Carry it to the other host by a way that nobody can read.\n", word[3]);
	return EX_OK;
}
