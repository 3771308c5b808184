/*
 * pipelining -- clients that do not wait for their turn (RFC 5321 4.3.1, RFC 2920)
 *
 * What comes too early is held back by client.h, so that no reply can be taken for another's; here it
 * is told: each kind once for a session, by event 109008, or 109009 before the greeting.  Nobody is
 * refused for it but, with greeting-delay, who speaks before the greeting.
 */
#ifndef INSPECT_PIPELINING_H
#define INSPECT_PIPELINING_H

#include "worker/inspect/command_table.h"
#include "worker/inspect/output.h"

enum pipelining_kind {
	/* enum inspect_verb: behind that command, or VERB_UNKNOWN: behind one that is none */
	PIPELINING_NOT_OFFERED = VERB_UNKNOWN + 1,
	PIPELINING_GREETING,
	PIPELINING_KINDS,
};

/* Bytes of the client wait, and the server has not greeted. */
void pipelining_before_greeting(struct builder *build);
/* Bytes of the client wait behind `sync` (state->sync). */
void pipelining_behind(struct builder *build, unsigned sync);
/* A line of the client's is taken, while others are perhaps not answered yet. */
void pipelining_judge(struct builder *build);

#endif
