/*
 * replica -- the active's sessions in this host's memory
 *
 * Applies the entries of the log: each session lies in the slot of the same index, with the same
 * generation, in the shape in which its worker had it: custody, record in the double buffer, windows
 * with chunks of this host's pool, second part of the inspection state.  The slot is SLOT_REPLICA, so
 * that this host's supervisor and workers leave it alone.  What the record does not need any more is
 * given back at once.  Beside the sessions: poison marks in their slots, the active's embryos
 * (shm/embryos.h), counters (shm/peer_counters.h) and texts.
 *
 * An entry is checked before it is applied (replica_check.h): one that does not hold has a reason and
 * changes nothing.  When chunks run out (SYNC_BAD_CHUNKS) the session keeps the record that it had,
 * whole, with perhaps some bytes behind it.  Either way the conversation ends, and a snapshot follows.
 *
 * A snapshot makes everything old; what is not told again by its end is dropped.  Sessions outlive this
 * process in memory, but replica_create() drops what it finds: where they stand in the log nobody knows.
 *
 * No I/O, no clock; heap, taken once.  Called by sync only, on a standby.
 */
#ifndef DAEMON_SYNC_REPLICA_H
#define DAEMON_SYNC_REPLICA_H

#include "proto/sync_reason.h"
#include "proto/sync_types.h"
#include "shm/region.h"

/* A whole text: `part` is all of it.  It is gone after the call. */
typedef void replica_text(void *owner, const struct sync_text *text);

struct replica_settings {
	const struct shm *shm; /* stays the owner's */
	replica_text *text;
	void *owner;
	bool keeps_left; /* what a sync that has died has held is being made this host's */
};

struct replica;

/* NULL: no memory. */
struct replica *replica_create(const struct replica_settings *settings);
/* The sessions stay. */
void replica_destroy(struct replica *replica);

/* CHANNEL_SNAPSHOT_BEGUN */
void replica_begin(struct replica *replica);
/* An incoming_store (incoming.h); its owner is the replica. */
enum sync_reason replica_store(void *owner, uint64_t lsn, const struct sync_entry *entry);
/* What is a replica in memory and not known here is taken away: of a sync that has died, or of this host's
 * own sessions, which are the other one's now (shm/slot.h). */
void replica_drop_left(struct replica *replica);
/* This host serves them now: they are left as they are, and are no replicas any more. */
void replica_serve_all(struct replica *replica);
/* All sessions are dropped; counters are forgotten. */
void replica_forget_all(struct replica *replica);

/* A policy was loaded: sessions that name it find its place (custody.policy_slot). */
void replica_find_policies(struct replica *replica);

uint32_t replica_sessions(const struct replica *replica);

#endif
