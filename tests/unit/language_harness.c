#include "tests/unit/language_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEXT_MAX 262144

struct text {
	size_t used;
	char bytes[TEXT_MAX];
};

struct config *config;
struct compiled *compiled;
struct cli_place place;
struct cli_outcome outcome;
static struct text printed;

int
language_setup(void **state)
{
	(void)state;
	config = config_create();
	compiled = malloc(sizeof(*compiled));
	place = (struct cli_place){.mode = CLI_CONFIG};
	return config == NULL || compiled == NULL;
}

int
language_teardown(void **state)
{
	(void)state;
	config_free(config);
	free(compiled);
	return 0;
}

const struct listener_entry *
language_compile(void)
{
	assert_true(config_compile(config, compiled));
	return &compiled->listeners.entry[0];
}

void
run(const char *line)
{
	cli_execute(&place, config, line, &outcome);
}

void
expect_done(const char *line, bool changed)
{
	run(line);
	if (outcome.status != CLI_DONE || outcome.changed != changed)
		fail_msg("%s: %d %s", line, outcome.status, outcome.message);
}

void
expect_quiet(const char *line)
{
	expect_done(line, true);
	assert_string_equal(outcome.message, "");
}

void
expect_warning(const char *line, const char *part)
{
	run(line);
	assert_int_equal(outcome.status, CLI_DONE);
	if (strstr(outcome.message, part) == NULL)
		fail_msg("%s: %s", line, outcome.message);
}

void
expect_refusal(const char *line, const char *part)
{
	struct config *before = config_clone(config);

	run(line);
	if (outcome.status != CLI_REFUSED || strstr(outcome.message, part) == NULL)
		fail_msg("%s: %d %s", line, outcome.status, outcome.message);
	assert_false(outcome.changed);
	assert_true(config_equal(before, config));
	config_free(before);
}

void
expect_invalid(const char *line, unsigned column)
{
	run(line);
	if (outcome.status != CLI_INVALID || outcome.column != column)
		fail_msg("%s: %d at %u %s", line, outcome.status, outcome.column, outcome.message);
	assert_false(outcome.changed);
}

static void
append(void *context, const char *line)
{
	struct text *text = context;
	size_t length = strlen(line);

	assert_true(length <= CLI_LINE_MAX);
	assert_true(text->used + length + 2 < TEXT_MAX);
	memcpy(text->bytes + text->used, line, length);
	text->used += length;
	text->bytes[text->used++] = '\n';
	text->bytes[text->used] = '\0';
}

const char *
print(const char *section, bool all)
{
	struct config_writer writer = {append, &printed};

	printed.used = 0;
	printed.bytes[0] = '\0';
	config_print(config, section, all, &writer);
	return printed.bytes;
}

static void
enter(void *context, const char *line)
{
	static struct cli_place where;
	struct config *fresh = context;
	struct cli_outcome result;

	if (strncmp(line, "hostname ", 9) == 0)
		where = (struct cli_place){.mode = CLI_CONFIG};
	cli_execute(&where, fresh, line, &result);
	if (result.status != CLI_DONE)
		fail_msg("%s: %s", line, result.message);
}

void
expect_comes_back(void)
{
	struct config *fresh = config_create();
	struct config_writer writer = {enter, fresh};

	config_print(config, NULL, false, &writer);
	if (!config_equal(config, fresh))
		fail_msg("%s", print(NULL, false));
	config_free(fresh);
}
