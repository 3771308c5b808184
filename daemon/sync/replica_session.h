/*
 * replica_session -- a session of the other host in this host's slot
 *
 * Takes the slot, fills it, and gives it back.  What it is given was checked (replica_check.h).  The record
 * is published when all that it needs is there, and its second part lies in the half of the chunk that
 * the record before does not name: a reader always finds one of the two whole.  Called by the replica.
 */
#ifndef DAEMON_SYNC_REPLICA_SESSION_H
#define DAEMON_SYNC_REPLICA_SESSION_H

#include "daemon/sync/replica_check.h"
#include "shm/chunk.h"

/* An empty cache; what that of a sync that died had held is free again. */
void replica_session_cache(const struct shm *shm, struct chunk_cache *cache);

/* A slot that is free, or the replica that it holds: afterwards an empty one of that generation. false:
 * it is somebody else's by now. */
bool replica_session_begin(const struct shm *shm, struct chunk_cache *cache, uint32_t slot,
    struct replica_slot *held, uint32_t generation);
/* SYNC_GOOD, SYNC_BAD_CHUNKS, SYNC_BAD_WINDOW. */
enum sync_reason replica_session_put(const struct shm *shm, struct chunk_cache *cache,
    struct replica_slot *held, const struct sync_session *session, const struct record *record);
/* The slot is free. */
void replica_session_end(
    const struct shm *shm, struct chunk_cache *cache, uint32_t slot, struct replica_slot *held);
/* Names the place of the policy that the session has, if it is loaded. */
void replica_session_find_policy(const struct shm *shm, uint32_t slot);

#endif
