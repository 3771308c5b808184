/*
 * standing -- the role machine at work
 *
 * Inputs go in one after the other, and what comes out is carried out in its order before the next.
 * Saving the epoch, the door, SILENCE and RESTORE are asked for and have their end later; FROZEN is said
 * only when the door is shut.  Called by sync only.
 */
#ifndef DAEMON_SYNC_STANDING_H
#define DAEMON_SYNC_STANDING_H

#include "daemon/sync/sync.h"

/* Before the feed is opened: reads the epoch as it is saved.  A takeover goes on if its epoch is that, or if that is
 * still to be saved and, under `degrade`, the active host cannot have gone on alone since; else nothing is kept of it. */
void standing_look_back(struct sync *sync);
/* With that epoch.  A file that does not hold makes this host one in FAULT. */
void standing_start(struct sync *sync);
/* What is held of the other host's sessions, unless the supervisor may be taking it just now: then it is not to be touched. */
void standing_forget_replica(struct sync *sync);
enum role_refusal standing_input(struct sync *sync, const struct role_input *input);
enum role_refusal standing_simple(struct sync *sync, enum role_input_kind kind, uint64_t epoch);

/* Timers, the stall, the door's faults, what an operator asks for: once in each turn. */
void standing_tick(struct sync *sync);
uint64_t standing_deadline(const struct sync *sync);

void standing_saved(struct sync *sync, const struct epoch_saved *saved);
void standing_answered(struct sync *sync, const struct supervisor_request *request, int error);
void standing_word(struct sync *sync, const struct notify_line *line);

/* The part that a host in that state has in the conversation. */
enum sync_role standing_part(enum role_state state);

#endif
