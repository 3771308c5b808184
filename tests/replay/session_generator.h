/*
 * session_generator -- random sessions, plausible enough to get deep
 *
 * The client speaks from a grammar, the server answers what it was really sent (a core is run
 * while the session is made), and both make mistakes now and then: wrong bytes, odd line ends,
 * replies too many, ends, resets, time and signals at any moment.  The same seed gives the same
 * session as long as the core does the same.
 */
#ifndef TESTS_REPLAY_SESSION_GENERATOR_H
#define TESTS_REPLAY_SESSION_GENERATOR_H

#include "tests/dialogue/dialogue.h"
#include "tests/dialogue/visible.h"

#include <stdint.h>

/* Fills *dialogue, which the caller has initialised.  A broken promise that shows while it is made
 * is left in `failure`; the dialogue then holds the session so far. */
void session_generate(struct dialogue *dialogue, uint64_t seed, struct visible *failure);
/* The session as a script (settings as a comment). */
void session_print(const struct dialogue *dialogue, struct visible *text);

#endif
