/*
 * pace -- how long each side may take, and how fast content must come
 *
 * The client's time for the content of a message runs from its beginning, through all of its chunks
 * and the pauses between them, but not while the server owes the reply to a chunk.
 */
#ifndef INSPECT_PACE_H
#define INSPECT_PACE_H

#include "worker/inspect/output.h"

/* Ends the session if its deadline has passed. */
void pace_timer(struct builder *build);
/* Sets the deadline anew if the step has done something. */
void pace_set(struct builder *build);
/* A chunk is complete: it is the server's turn. */
void pace_rest(struct builder *build);
/* A chunk begins, or the server owes nothing any more. */
void pace_go_on(struct builder *build);

#endif
