/*
 * custody_wire -- identity and legs of a session, from its slot to the log and back
 *
 * The active's slot is read while the supervisor may write it: a copy is taken first.  What goes into a
 * standby's slot was checked with its entry (proto/sync_check.h).  Cookies stay: they name sockets of
 * one host.  Pure.  Called by the two halves of the pair.
 */
#ifndef DAEMON_SYNC_CUSTODY_WIRE_H
#define DAEMON_SYNC_CUSTODY_WIRE_H

#include "proto/sync_types.h"
#include "shm/slot.h"

/* Points into itself. */
struct custody_wire {
	struct sync_identity identity;
	struct sync_leg leg[SHM_LEGS];
	/* Over both legs and the policy: another one when what is told of them is. */
	uint64_t check;
	char class_name[SYNC_CLASS_NAME_MAX + 1];
	struct shm_endpoint source;
	struct slot_leg copy[SHM_LEGS];
};

void custody_wire_read(const struct slot_custody *custody, struct custody_wire *ret_wire);

void custody_wire_put_identity(struct slot_custody *custody, const struct sync_identity *identity);
void custody_wire_put_leg(struct slot_custody *custody, const struct sync_leg *leg);

/* Points into the endpoint. */
struct sync_address custody_wire_address(const struct shm_endpoint *endpoint);
struct shm_endpoint custody_wire_endpoint(const struct sync_address *address);

#endif
