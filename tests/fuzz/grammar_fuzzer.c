/*
 * grammar_fuzzer -- lines of the command language, from anybody who may speak to the manager
 *
 * What must hold: a line that says it changed nothing has changed nothing, and the other way
 * round; the configuration compiles, or has too many class rules; and what is printed gives the
 * same configuration when it is entered again.
 */
#include "daemon/policy/cli.h"
#include "daemon/policy/compile.h"

#include <stdlib.h>
#include <string.h>

#define LINES_MAX      100
#define CANDIDATES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct entry {
	struct cli_place place;
	struct config *config;
};

static struct compiled *compiled;

static void
check(bool holds)
{
	if (!holds)
		abort();
}

static void
run_line(struct entry *entry, const char *line)
{
	struct cli_candidate candidates[CANDIDATES_MAX];
	struct cli_outcome outcome;
	struct config *before = config_clone(entry->config);
	char prompt[128];

	cli_complete(&entry->place, entry->config, line, candidates, CANDIDATES_MAX);
	cli_help(&entry->place, entry->config, line, candidates, CANDIDATES_MAX);
	cli_prompt(&entry->place, entry->config, prompt, sizeof(prompt));
	cli_execute(&entry->place, entry->config, line, &outcome);
	check(outcome.changed == !config_equal(before, entry->config));
	check(!outcome.changed || outcome.status == CLI_DONE);
	check((outcome.status == CLI_ACTION) == (outcome.action != CLI_ACTION_NONE));
	check(outcome.values <= CLI_VALUES_MAX);
	check(outcome.column <= strlen(line) + 1);
	config_free(before);
}

static void
enter(void *context, const char *text)
{
	struct entry *entry = context;
	struct cli_outcome outcome;

	check(strlen(text) <= CLI_LINE_MAX);
	cli_execute(&entry->place, entry->config, text, &outcome);
	check(outcome.status == CLI_DONE);
}

static void
ignore(void *context, const char *text)
{
	(void)context;
	check(strlen(text) <= CLI_LINE_MAX);
}

/* How many rules the classes come to is known only when they are compiled. */
static bool
compiles(const struct config *config)
{
	return config_compile(config, compiled) ||
	       strstr(compiled->error[0], "over all statics") != NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct entry first = {{.mode = CLI_EXEC}, config_create()};
	struct entry again = {{.mode = CLI_CONFIG}, config_create()};
	const uint8_t *end = data + size;

	if (compiled == NULL)
		compiled = malloc(sizeof(*compiled));
	check(first.config != NULL && again.config != NULL && compiled != NULL);
	for (unsigned i = 0; i < LINES_MAX && data < end; i++) {
		const uint8_t *newline = memchr(data, '\n', (size_t)(end - data));
		size_t length = (size_t)((newline != NULL ? newline : end) - data);
		char *line = strndup((const char *)data, length);
		check(line != NULL);
		run_line(&first, line);
		free(line);
		data += length + (newline != NULL);
	}
	config_print(first.config, NULL, false, &(struct config_writer){enter, &again});
	config_print(first.config, NULL, true, &(struct config_writer){ignore, NULL});
	check(config_equal(first.config, again.config));
	check(compiles(first.config));
	config_free(first.config);
	config_free(again.config);
	return 0;
}
