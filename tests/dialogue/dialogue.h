/*
 * dialogue -- a session written down: the script format of tests/dialogue and of `trace`
 *
 * A script is read line by line.  `#` at the start of a line is a comment, empty lines are
 * skipped.  Settings come first:
 *
 *   mode inspect | relay | raw
 *   policy hostname NAME
 *   policy banner server | neutral | classic | text WORDS...
 *   policy line-endings normalize | reject
 *   policy nul reject | space
 *   policy allow-tls | log-tls | monitor-only | log-early  yes | no
 *   policy verb NAME allow | deny            policy extension NAME allow | deny
 *   policy errors-max | junk-max | auth-failures-max | recipients-max | message-size-max |
 *          data-rate-min | header-hold | greeting-delay  N
 *   policy rules none		(those of the default map are dropped)
 *   policy rule [not] CRITERION gt N ACTION [log]
 *   policy rule ehlo-reply-parameter KEYWORD... [others] ACTION [log]
 *   policy rule ... reject [CODE ENHANCED "TEXT"] [log]
 *   policy compat asa | fixup-5.1 | fixup-4.4 | mailhost-4.0
 *   policy greeting-timeout | command-timeout | reply-timeout | final-reply-timeout |
 *          data-timeout | opaque-timeout  SECONDS
 *
 * What is not set is as in inspect_policy_default() with the host name "mx.example.org".  Then
 * the session, one act a line, in the order in which things arrive at the gateway (C is the
 * client, S the server):
 *
 *   C: TEXT       text and CRLF                   S: TEXT
 *   C+ TEXT       text without a line end         S+ TEXT
 *   C| TEXT       text and CRLF, arriving together with the next C act (one read)
 *   C eof         FIN                             S eof
 *   C reset       RST                             S reset
 *   S failed      the server could not be reached
 *   time +MS      that many milliseconds pass
 *   signal shutdown | clear | shortage
 *
 * In TEXT: \r \n \t \0 \\ \xNN, and \{N}X for N times the character (or escape) X.
 *
 * What comes out is the transcript (transcript.h): NAME.ref beside NAME.in.
 */
#ifndef TESTS_DIALOGUE_DIALOGUE_H
#define TESTS_DIALOGUE_DIALOGUE_H

#include "worker/inspect/inspect.h"

#include <stddef.h>
#include <stdint.h>

enum dialogue_kind {
	DIALOGUE_BYTES,
	DIALOGUE_END,
	DIALOGUE_RESET,
	DIALOGUE_FAILED,
	DIALOGUE_TIME,
	DIALOGUE_SHUTDOWN,
	DIALOGUE_CLEAR,
	DIALOGUE_SHORTAGE,
};

struct dialogue_act {
	enum dialogue_kind kind;
	enum inspect_leg leg;
	uint64_t ms;	/* DIALOGUE_TIME */
	uint8_t *bytes; /* DIALOGUE_BYTES; owned */
	size_t length;
};

struct dialogue {
	struct inspect_policy policy;
	enum inspect_mode mode;
	struct dialogue_act *acts;
	size_t count;
	size_t capacity;
};

void dialogue_init(struct dialogue *dialogue);
void dialogue_done(struct dialogue *dialogue);

/* Reads a whole script; 0, or the number of the line at fault with a reason in `problem`. */
unsigned dialogue_parse(
    struct dialogue *dialogue, const char *text, size_t length, char *problem, size_t problem_size);
/* Appends an act; bytes are copied. */
void dialogue_add(struct dialogue *dialogue, enum dialogue_kind kind, enum inspect_leg leg,
    uint64_t ms, const void *bytes, size_t length);

#endif
