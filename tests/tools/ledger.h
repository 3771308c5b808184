/*
 * ledger -- what became of each message, one line per message
 *
 *	KEY SIZE RESULT DETAIL
 *
 * Written by the source for each attempt and by the sink for each message that began to arrive;
 * compared by mailledger.  DETAIL is escaped, so that a ledger is text whatever a peer said.
 */
#ifndef TESTS_TOOLS_LEDGER_H
#define TESTS_TOOLS_LEDGER_H

#include "tests/tools/oracle.h"

#include <stdio.h>

enum ledger_result {
	/* of the source */
	LEDGER_GIVEN,	/* 250 was given for it */
	LEDGER_REFUSED, /* another reply was given, to the envelope or to the message */
	LEDGER_UNKNOWN, /* sent whole, the session ended before the reply */
	LEDGER_ONEWAY,	/* sent whole, to a server that had said it would not answer */
	LEDGER_UNSENT,	/* the session ended before the final dot was sent */
	/* of the sink */
	LEDGER_OK,	 /* complete, every byte right, 250 answered */
	LEDGER_DIFFERS,	 /* complete, but not what was sent */
	LEDGER_PARTIAL,	 /* the connection ended before the final dot */
	LEDGER_REJECTED, /* complete, but the sink was told to refuse it */
	LEDGER_RESULTS,
};

/* "" as path: nothing is written. */
void ledger_open(const char *path);
void ledger_write(const struct oracle_key *key, uint64_t size, enum ledger_result result,
    const char *detail, size_t detail_length);
void ledger_close(void);

struct ledger_entry {
	struct oracle_key key;
	uint64_t size;
	enum ledger_result result;
	char detail[160];
};

/* One line of a ledger; false when it is not one. */
bool ledger_parse(const char *line, struct ledger_entry *ret_entry);
const char *ledger_result_name(enum ledger_result result);

/* Bytes of a peer, fit to be printed. */
void ledger_escape(char *text, size_t size, const char *bytes, size_t length);

#endif
