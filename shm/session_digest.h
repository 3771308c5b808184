/*
 * session_digest -- one session in a few words, the same on both hosts of a pair
 *
 * What a standby holds of a session equals what the active has committed if these words are equal and
 * the standby's `from` is not above the active's: the active gives bytes back that the standby may still
 * hold.  So a comparison takes the active's digest first, and hands its `from` to the standby's.  The words
 * do not depend on how the bytes lie in chunks, nor on which half of a chunk holds the second part of
 * the inspection state.  They are for comparing hosts of one version; they prove nothing to a forger.
 *
 * Called by any process and by tests; reads what its owner may be changing, and then says so.
 */
#ifndef SHM_SESSION_DIGEST_H
#define SHM_SESSION_DIGEST_H

#include "shm/streams.h"

struct session_digest {
	uint64_t generation;
	uint64_t session_id;
	uint64_t sequence; /* of the record */
	uint64_t state;	   /* record and second part of the inspection state */
	uint64_t identity; /* also marks */
	uint64_t legs; /* addresses, states, bases, TCP parameters but for the round-trip time */
	uint64_t from[SHM_LEGS][STREAMS];
	uint64_t end[SHM_LEGS][STREAMS];
	uint64_t bytes[SHM_LEGS][STREAMS];
};

/* `from`: where the bytes begin, if they would not anyway begin later; NULL: where they are needed.
 * False: there is no session with a record in that slot, or it changed meanwhile. */
bool session_digest_read(const struct shm *shm, uint32_t slot, const uint64_t (*from)[STREAMS],
    struct session_digest *ret_digest);

#endif
