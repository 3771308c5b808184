/*
 * incoming -- the standby's side of the log: where it stands, and whether it goes on rightly
 *
 * Entries are handed to the owner in their order, each once; what breaks the order, or tells of a
 * session that has no beginning, is refused.  The place outlives the connection, so that a log can go
 * on after a break.
 *
 * Pure: no I/O, no clock.  Called by the channel.
 */
#ifndef DAEMON_SYNC_INCOMING_H
#define DAEMON_SYNC_INCOMING_H

#include "proto/sync_reason.h"
#include "proto/sync_types.h"

/* Stores one entry in memory. It points into memory that is gone after the call.  Anything but
 * SYNC_GOOD ends the conversation. */
typedef enum sync_reason incoming_store(void *owner, uint64_t lsn, const struct sync_entry *entry);

struct incoming;

/* NULL: no memory. */
struct incoming *incoming_create(uint32_t slots);
void incoming_destroy(struct incoming *incoming);

uint64_t incoming_history(const struct incoming *incoming); /* 0: holds nothing */
uint64_t incoming_lsn(const struct incoming *incoming);	    /* stored up to here */
bool incoming_is_synced(const struct incoming *incoming);   /* a whole snapshot is stored */

void incoming_forget(struct incoming *incoming);
enum sync_reason incoming_begin(struct incoming *incoming, const struct sync_start *start);
/* After a refused entry the place is forgotten: only a snapshot helps. */
enum sync_reason incoming_take(
    struct incoming *incoming, const struct sync_batch *batch, incoming_store *store, void *owner);

#endif
