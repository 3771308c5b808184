/*
 * source_body -- the content of a message under way, after 354 or in chunks (RFC 3030)
 *
 * Made from the oracle as fast as it can be written, or paced and held back at a limit until the
 * session is released.  Chunks are of any size, very small ones among them; several may wait for
 * their replies, and the last may be empty.  A message that offends comes in one chunk, of which
 * the rest is sent when it was refused, and then no other.
 */
#ifndef TESTS_TOOLS_SOURCE_BODY_H
#define TESTS_TOOLS_SOURCE_BODY_H

#include "tests/tools/oracle.h"

struct source_session;

/* Where the session is held. */
enum source_body_plan {
	BODY_FREE,    /* nowhere */
	BODY_STOPS,   /* near the end of what follows 354 */
	BODY_INSIDE,  /* inside of a chunk */
	BODY_BETWEEN, /* behind a chunk that was answered */
	BODY_REFUSED, /* behind what offends */
};

struct source_body {
	struct oracle *oracle; /* while content is left to be made */
	enum source_body_plan plan;
	uint64_t sent;
	uint64_t limit;	     /* until the session is released; UINT64_MAX: none */
	uint64_t chunk_left; /* of the chunk under way */
	bool last;	     /* it was announced as the last */
	uint64_t held_from;  /* BODY_INSIDE: position in the chunk that is held; 0: not begun */
};

/* session->message_name and session->chunked say what and how. */
void source_body_begin(struct source_session *session, enum source_body_plan plan);
/* Adds as much to the output as pace and limit allow now. */
void source_body_make(struct source_session *session);
/* Nothing more is made of it. */
void source_body_drop(struct source_session *session);

/* There is something to be made once the session's tick_us has come. */
bool source_body_is_paced(const struct source_session *session);
/* It goes on only after replies to chunks. */
bool source_body_waits(const struct source_session *session);
/* It is where its plan holds it; without a plan: all of it is written. */
bool source_body_is_held(const struct source_session *session);

#endif
