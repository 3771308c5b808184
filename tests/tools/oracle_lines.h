/*
 * oracle_lines -- what each line of an oracle's message is
 *
 * The stages of a message, and what follows what: oracle.c hands the lines out.
 */
#ifndef TESTS_TOOLS_ORACLE_LINES_H
#define TESTS_TOOLS_ORACLE_LINES_H

#include "tests/tools/oracle.h"

#define ORACLE_HEADER_FORMAT "X-Oracle: %s %" PRIu64 " %s %s"

/* Indexed by enum oracle_form and enum oracle_offence. */
extern const char *const oracle_forms[ORACLE_FORMS];
extern const char *const oracle_offences[ORACLE_OFFENCES];

/* Sets oracle->span[], whose sum is at least 1 and at most what the message still lacks. */
void oracle_line_make(struct oracle *oracle);

#endif
