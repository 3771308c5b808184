/*
 * sink_message -- one message as it arrives after 354: framing, and every byte against the oracle;
 * or in chunks (RFC 3030), which have no framing of their own
 *
 * Strict (RFC 5321 4.5.2, 2.3.8): only CRLF ends a line, only CRLF.CRLF ends the data; a bare CR
 * or LF, or a leading dot that is not doubled, makes the verdict "differs" even where the bytes
 * would be right.  A message without the oracle's header line is foreign: framing is checked all
 * the same.
 */
#ifndef TESTS_TOOLS_SINK_MESSAGE_H
#define TESTS_TOOLS_SINK_MESSAGE_H

#include "tests/tools/oracle.h"

#include <stdio.h>

enum sink_framing { FRAMING_START, FRAMING_LINE, FRAMING_CR, FRAMING_DOT, FRAMING_DOT_CR };

struct sink_message {
	enum sink_framing framing;
	bool known;   /* the header line was the oracle's */
	bool foreign; /* it was not */
	bool spoilt;  /* fault[] says how */
	uint64_t bytes;
	struct oracle oracle;
	size_t head_length;
	char head[128];
	char fault[96];
	FILE *save; /* the content, when asked for; NULL: not */
};

void sink_message_begin(struct sink_message *message, FILE *save);

/* Takes bytes up to the end of the data; true: it was reached. *ret_taken: how many were taken. */
bool sink_message_feed(
    struct sink_message *message, const char *bytes, size_t length, size_t *ret_taken);

/* Takes bytes of a chunk: content as it is. */
void sink_message_feed_chunk(struct sink_message *message, const char *bytes, size_t length);

/* After the end: NULL when everything was right, else what was not. */
const char *sink_message_fault(struct sink_message *message, const struct oracle_key *envelope);

#endif
