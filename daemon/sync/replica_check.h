/*
 * replica_check -- whether an entry about a session fits the memory that it would go into
 *
 * After proto/sync_check.h, which looks at an entry by itself: the slot is there and may be written, the
 * record holds and goes on from the one that is there, what belongs to it is there or comes with it, and
 * the bytes follow those held.  Changes nothing.  Called by the replica.
 */
#ifndef DAEMON_SYNC_REPLICA_CHECK_H
#define DAEMON_SYNC_REPLICA_CHECK_H

#include "proto/sync_reason.h"
#include "proto/sync_types.h"
#include "shm/region.h"
#include "shm/streams.h"

/* What the replica has of a slot. */
struct replica_slot {
	uint32_t generation;		 /* 0: nothing */
	bool is_fresh;			 /* told since the snapshot began */
	bool is_secret;			 /* has ever held what may be credentials */
	uint64_t end[SHM_LEGS][STREAMS]; /* of the bytes held */
};

/* With a record in the entry ret_record is that, in this build's version. */
enum sync_reason replica_check(const struct shm *shm, const struct replica_slot *slot,
    const struct sync_session *session, struct record *ret_record);

#endif
