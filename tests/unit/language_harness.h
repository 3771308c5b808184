/*
 * language_harness -- plays a person who types lines of the command language
 *
 * One configuration, one place, the outcome of the last line.  Every expectation that does not
 * hold ends the test (cmocka).
 */
#ifndef TESTS_UNIT_LANGUAGE_HARNESS_H
#define TESTS_UNIT_LANGUAGE_HARNESS_H

#include "daemon/policy/cli.h"
#include "daemon/policy/compile.h"

extern struct config *config;
extern struct compiled *compiled; /* by language_compile() */
extern struct cli_place place;
extern struct cli_outcome outcome;

/* A factory configuration, in configuration mode. */
int language_setup(void **state);
int language_teardown(void **state);

/* The configuration as it is now; the first listener. */
const struct listener_entry *language_compile(void);

void run(const char *line);
void expect_done(const char *line, bool changed);
/* Done, with a change and without a word. */
void expect_quiet(const char *line);
/* Done, with that in the message. */
void expect_warning(const char *line, const char *part);
/* Refused, and nothing changed. */
void expect_refusal(const char *line, const char *part);
void expect_invalid(const char *line, unsigned column);
/* What is printed gives the same configuration when it is entered. */
void expect_comes_back(void);
/* Until the next call. */
const char *print(const char *section, bool all);

#endif
