/*
 * early -- whether what comes to a floating address waits before the door, or goes on to it
 *
 * It waits while the door is shut, and after the opening until the sessions that were taken over are with their
 * workers: before that a segment that acknowledges what the other host had sent would be thrown away by a
 * connection that does not know yet that it was.  smtpguard-gate holds it (daemon/gate/early.h) and lets it go to
 * the door; so a door that stays shut drops it later than it would have, and nothing else.  Nothing of this lives
 * on without its processes: who holds dies, and what waits is dropped; the supervisor's successor begins anew.
 *
 * A host without the gate has none of this: what one of a pair finds of it when it starts is of a supervisor that
 * was killed, and would keep everything out.  Supervisor only.
 */
#ifndef SUPERVISOR_EARLY_H
#define SUPERVISOR_EARLY_H

#include <stdbool.h>
#include <stdint.h>

#define EARLY_CHECK_MS 1000

/* So long a smtpguard-gate is waited for that does not say that nothing waits any more. */
#define EARLY_OVER_US 200000u

struct supervisor;

struct early_state {
	bool holds;
	int error;	 /* the rules may not be as `holds` says */
	uint32_t number; /* of the last word; 0: none was given yet */
	uint64_t passed_us;
	uint64_t looked_ms;
};

/* Before the door is shut: what comes from now on waits. */
void early_hold(struct supervisor *supervisor);
/* Lets pass or hold, as the door and a takeover want it: after whatever may have changed that. */
void early_look(struct supervisor *supervisor);
/* Likewise, and whether somebody else has changed it: now and then. */
void early_tick(struct supervisor *supervisor);
/* It passes, and what had waited has been let go: what comes from now on was sent now. */
bool early_is_over(const struct supervisor *supervisor);
/* Takes the rules away, whoever has made them: a clean stop, or no gate any more. */
void early_leave(void);

#endif
