/*
 * outgoing -- the active's log: what the standby is to be told, in one order
 *
 * A log begins with a snapshot and goes on with what happens; entries of both stand in it as they come
 * (lsn rises by one).  A session's first entry in a log tells all of it (`whole`); what happens to a
 * session before that is not told, the snapshot has it.  Entries are kept until they are acknowledged,
 * so that after a break the log can go on where the standby stands.  When there is no room for an entry
 * the log is over, and a new snapshot must begin another one, with another number (`history`).
 *
 * Pure: no I/O, no clock.  Called by the channel.
 */
#ifndef DAEMON_SYNC_OUTGOING_H
#define DAEMON_SYNC_OUTGOING_H

#include "daemon/sync/hold.h"

#include "proto/sync_reason.h"

enum outgoing_result {
	OUTGOING_TAKEN,
	OUTGOING_NO_LOG,  /* there is none: wait for a snapshot */
	OUTGOING_NO_BASE, /* the session's beginning is not in the log yet, and will have this */
	OUTGOING_FULL,	  /* the log is over */
	OUTGOING_BAD_ENTRY,
};

struct outgoing_settings {
	uint64_t history; /* random: logs of another process must not be taken for ours */
	uint32_t slots;
	size_t hold_bytes; /* at least SYNC_ENTRY_MAX */
	uint32_t hold_entries;
	uint32_t batch_entries; /* at most SYNC_BATCH_ENTRIES_MAX */
	size_t batch_bytes;
};

struct outgoing_batch {
	uint64_t first;
	uint32_t entries;
	size_t bytes; /* of all of them */
	bool is_full; /* by number or bytes: it need not wait for more */
	bool is_secret;
	struct sync_bytes entry[SYNC_BATCH_ENTRIES_MAX];
};

struct outgoing;

/* NULL: no memory. */
struct outgoing *outgoing_create(const struct outgoing_settings *settings);
void outgoing_destroy(struct outgoing *outgoing);

/* Ends the log that there is, and begins another with a snapshot. */
void outgoing_begin(struct outgoing *outgoing);
void outgoing_abandon(struct outgoing *outgoing);
/* The snapshot is told. */
enum outgoing_result outgoing_end_snapshot(struct outgoing *outgoing);
enum outgoing_result outgoing_append(struct outgoing *outgoing, const struct sync_entry *entry);

bool outgoing_is_open(const struct outgoing *outgoing);
bool outgoing_is_synced(const struct outgoing *outgoing); /* the snapshot's end is acknowledged */
uint64_t outgoing_history(const struct outgoing *outgoing);
uint64_t outgoing_newest(const struct outgoing *outgoing);
uint64_t outgoing_acknowledged(const struct outgoing *outgoing);
size_t outgoing_held_bytes(const struct outgoing *outgoing); /* not acknowledged */
bool outgoing_has_unsent(const struct outgoing *outgoing);
bool outgoing_is_under_way(
    const struct outgoing *outgoing); /* sent and not acknowledged: something */
/* Whether the standby could carry that session on as it was at its latest acknowledged entry. */
bool outgoing_is_protected(const struct outgoing *outgoing, uint32_t slot, uint32_t generation);

/* Goes on behind `lsn` if the standby can be believed to stand there; false: a snapshot is needed. */
bool outgoing_resume(struct outgoing *outgoing, uint64_t history, uint64_t lsn);
/* The entries after those that were sent; 0 entries: none. */
void outgoing_peek(const struct outgoing *outgoing, struct outgoing_batch *batch);
void outgoing_mark_sent(struct outgoing *outgoing, uint32_t entries);
/* One of an earlier log changes nothing. */
enum sync_reason outgoing_acknowledge(struct outgoing *outgoing, uint64_t history, uint64_t lsn);

#endif
