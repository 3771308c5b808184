/*
 * tally -- how many sessions there are of whom, and how many of them are embryonic
 *
 * A session is a slot that is not free.  It is embryonic until something of its client's has gone on
 * to the server (RECORD_SPOKEN), or the worker has done with it.  Each is counted
 *
 *   by its listener		     the static's own limits
 *   by the class whose limits hold  as a whole, for `show service-policy` (shm/class_usage.h)
 *   by that class and its server    conn-max, embryonic-conn-max
 *   by that class and its client    per-client-max, per-client-embryonic-max (address_of_client())
 *
 * the last two only if the class has such limits.  All of it follows from the slots and the listener
 * table in force alone: tally_rebuild() makes the same counts from nothing.
 *
 * Who is not embryonic any more is learnt when it is asked for (tally_refresh()), by one look at a
 * word for 64 slots (shm/spoken.h): until then the embryonic are counted too high, never too low.
 *
 * Memory is taken once, for as many entries as the slots can need.  Supervisor only.  0 or -errno.
 */
#ifndef SUPERVISOR_TALLY_H
#define SUPERVISOR_TALLY_H

#include "daemon/supervisor/count_table.h"
#include "daemon/supervisor/listener.h"
#include "shm/region.h"

struct tally_slot;

struct tally {
	const struct shm *shm;
	const struct listeners *listeners;
	uint32_t slots;
	uint32_t embryonic_count;
	struct tally_slot *slot; /* [slots] */
	uint64_t *embryonic;	 /* a bit per slot */
	struct count_table table;
	struct count listener[LISTENERS_MAX];
};

/* `listeners`: those in force, whenever something is counted. */
int tally_init(
    struct tally *tally, const struct shm *shm, const struct listeners *listeners, uint32_t slots);
void tally_fini(struct tally *tally);

/* The slot's identity is complete; limits_class: as classify() says. */
void tally_enter(struct tally *tally, uint32_t slot, uint16_t limits_class);
/* The worker has done with it. */
void tally_settle(struct tally *tally, uint32_t slot);
/* It is free, or about to be. */
void tally_leave(struct tally *tally, uint32_t slot);

/* The listener table has changed, or nothing is known yet: counts all slots anew, each where its
 * listen address belongs now, and writes slot_custody.listener.  Slots from `used` on were never
 * taken: looking at them would give them memory. */
void tally_rebuild(struct tally *tally, uint32_t used);
/* Looks who is not embryonic any more. */
void tally_refresh(struct tally *tally);

/* What was refused in the name of each class is zero again. */
void tally_clear_refused(const struct tally *tally);

/* Zero where nobody is. */
struct count tally_of_server(
    const struct tally *tally, uint16_t limits_class, const struct shm_endpoint *server);
struct count tally_of_client(
    const struct tally *tally, uint16_t limits_class, const struct shm_endpoint *client);

#endif
