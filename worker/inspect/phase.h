/*
 * phase -- the phases of a session, and which may follow which
 */
#ifndef INSPECT_PHASE_H
#define INSPECT_PHASE_H

#include "worker/inspect/state.h"

/* Moves to `next`. A move that is not in the table would be a fault of the core: then nothing can
 * be trusted any more, both legs are ended, and false is returned. */
bool phase_move(struct inspect *state, enum inspect_phase next);
/* The client's next line is a command. */
bool phase_takes_commands(const struct inspect *state);
/* Where commands are taken, within a transaction or not. */
void phase_return(struct inspect *state);
/* Bytes pass as they are from here on. */
void phase_open(struct inspect *state);

#endif
