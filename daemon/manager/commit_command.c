#include "daemon/manager/commit_command.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* The answer as a line, or as one that says it was not done. */
static int
finish(bool done, struct text *out)
{
	struct text reason = *out;

	if (done) {
		text_add_string(out, "\n");
		return EX_OK;
	}
	text_init(out, reason.most);
	text_printf(out, "%% %s\n", text_string(&reason));
	text_free(&reason);
	return EX_DATAERR;
}

/* [force] [confirmed MINUTES]; the grammar has checked the number. */
static void
read_order(const struct cli_outcome *outcome, struct commit_order *order)
{
	for (unsigned i = 0; i < outcome->values; i++) {
		if (strcmp(outcome->value[i], "force") == 0)
			order->force = true;
		else if (strcmp(outcome->value[i], "confirmed") != 0)
			order->minutes = (uint32_t)strtoul(outcome->value[i], NULL, 10);
	}
}

int
commit_command(
    struct commit *commit, const struct cli_outcome *outcome, const char *by, struct text *out)
{
	struct commit_order order = {.by = by};

	read_order(outcome, &order);
	return finish(commit_make(commit, &order, out), out);
}

int
commit_command_check(struct commit *commit, struct text *out)
{
	return finish(commit_check(commit, out), out);
}

int
commit_command_rollback(
    struct commit *commit, const struct cli_outcome *outcome, const char *by, struct text *out)
{
	unsigned number = outcome->values > 0 ? (unsigned)strtoul(outcome->value[0], NULL, 10) : 0;

	return finish(commit_rollback(commit, number, by, out), out);
}

int
commit_command_clear(struct commit *commit, struct text *out)
{
	return finish(commit_clear(commit, out), out);
}
