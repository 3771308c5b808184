/*
 * takeover_ask -- the second half of a takeover (takeover.h): the door was opened
 *
 * All peers are asked where they stand.  A session goes to a worker, which adopts it as that of a dead one, when
 * nothing of it waits for an answer; what is not answered waits for ANSWER_MOST_US (takeover_session.c) at most.
 * Workers begin with the first sessions while the last peers are asked.  What has come early (early.h) is let in
 * when those that wait for no answer go on, their output being sent: what acknowledges more than a connection has
 * sent the kernel drops.  It is before any answer is judged: it says where a peer stood, not where it stands.
 *
 * All do nothing while none is under way, but that takeover_ask_all() notes when the door of one was opened that goes
 * on from the shelves of a dead supervisor (takeover_shelf.h).  Supervisor only.
 */
#ifndef SUPERVISOR_TAKEOVER_ASK_H
#define SUPERVISOR_TAKEOVER_ASK_H

#include <stdbool.h>

struct supervisor;

void takeover_ask_all(struct supervisor *supervisor);
/* All sessions are with the workers: told once. */
void takeover_ask_note_done(struct supervisor *supervisor);
/* The timer has expired, or the tick has come. */
void takeover_ask_look(struct supervisor *supervisor);
/* The sessions that need no answer go on at their workers, or have had their time to, or none is taken over: what
 * has come for them meanwhile may be let in. */
bool takeover_ask_lets_early_pass(struct supervisor *supervisor);

#endif
