/*
 * body -- the content of a message, from the server's 354 to the end of data
 *
 * Reads it as RFC 5321 2.3.8 and 4.5.2 say and writes it anew where it is not what any server reads
 * in the same way: what goes out has only CRLF line ends and no NUL, no line that begins with a
 * single dot, and one end of data, CRLF.CRLF, where the client's own bytes hold it.  The content
 * that the receiver gets by the rules is the client's.
 *
 * Up to two octets at the end of what is offered may stay unconsumed (a CR, or a dot at the start
 * of a line and a CR, whose successor is not known), so the result does not depend on the cuts.
 */
#ifndef INSPECT_BODY_H
#define INSPECT_BODY_H

#include "worker/inspect/output.h"

/* Each takes one run and what ends it; false when it needs more bytes or the phase has changed to
 * one that takes none. */
bool body_take(struct builder *build, const uint8_t *rest, size_t length);
/* The same in PHASE_DRAIN: drops all, and answers the end of data with state->drain_reply. */
bool body_drain(struct builder *build, const uint8_t *rest, size_t length);

#endif
