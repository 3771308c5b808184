/*
 * hold -- the beginning of a message is held back until its header was judged
 *
 * While it holds, what is given to the server's leg is counted as held (inspect.h): it is
 * committed but does not leave.  The hold ends by itself when it has become longer than
 * policy->header_hold, or more pieces than a record has room for; both are counted by the stream
 * alone, so the result does not depend on the cuts.
 */
#ifndef INSPECT_HOLD_H
#define INSPECT_HOLD_H

#include "worker/inspect/output.h"

#define HOLD_PIECES 12u /* runs of output of one kind that may be held: a record has room for few */

/* From here on output toward the server is held, if a rule of the policy could refuse content.
 * Within a hold: it goes on. */
void hold_begin(struct builder *build);
/* How many more octets the hold can take; 0 when nothing is held. */
uint32_t hold_room(const struct builder *build);
/* Output of that edit kind goes to the server; called by output.c only. */
void hold_count(struct builder *build, unsigned kind, size_t length);
/* What is held, and what follows, stays held up to hold_end(), though its header is judged. */
void hold_whole(struct builder *build);
/* The header was judged: all may leave. */
void hold_release(struct builder *build);
/* All may leave, whatever was to be held. */
void hold_end(struct builder *build);
/* All that is held never leaves. */
void hold_revoke(struct builder *build);

#endif
