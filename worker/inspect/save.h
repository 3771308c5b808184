/*
 * save -- a state as bytes
 *
 * The bytes are the members as they lie in memory: they are read on the same host, or on one of
 * the same machine type, and only by the version that wrote them.
 */
#ifndef INSPECT_SAVE_H
#define INSPECT_SAVE_H

#include "worker/inspect/state.h"

/* Every member holds what the core could have put there. */
bool save_check(const struct inspect *state);

#endif
