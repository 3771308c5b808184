/*
 * channel_body -- the inside of a channel, for the files that it is made of
 */
#ifndef DAEMON_SYNC_CHANNEL_BODY_H
#define DAEMON_SYNC_CHANNEL_BODY_H

#include "daemon/sync/channel.h"

#define CHANNEL_NEVER UINT64_MAX
#define CHANNEL_WORDS 16u

struct channel {
	struct channel_settings settings;
	enum sync_role role;
	uint64_t epoch;
	uint32_t own_state; /* the role machine's */
	enum channel_state state;
	struct agreement agreement;
	struct outgoing *outgoing;
	struct incoming *incoming;

	uint32_t peer_role;  /* in this conversation */
	uint64_t peer_epoch; /* likewise */
	uint64_t peer_epoch_most;
	struct sync_hello peer;
	char peer_node[SYNC_NAME_MAX + 1]; /* its name there */
	struct sync_heartbeat heartbeat;
	struct sync_word heard_word;
	uint64_t echo_us; /* when that was sent which the other has heard */
	uint64_t heard_us;
	uint64_t beat_us; /* when the last heartbeat was sent */

	/* What is due. */
	enum sync_reason refusal;
	bool hello_due, beat_due, ack_due, start_due;
	struct sync_start start;
	unsigned words;
	struct sync_word word[CHANNEL_WORDS];
	uint64_t unsent_us; /* since when entries wait; CHANNEL_NEVER: none does */
	uint64_t sent_us;   /* when entries were sent last ... */
	bool was_bulk;	    /* ... and it was a batch of bulk_bytes or more */

	bool is_started;   /* standby: the active has said Start */
	bool is_told_anew; /* standby: and it was that of a snapshot */
	bool is_synced;	   /* active: it has been told */
	unsigned compiled;
	uint8_t generation[SYNC_COMPILED_MAX][SYNC_GENERATION_SIZE];
	struct sync_bytes generation_list[SYNC_COMPILED_MAX];
	bool refuses; /* to run by `refused`, and that was not told */
	uint8_t refused[SYNC_GENERATION_SIZE];
	char refused_why[SYNC_WHY_MAX + 1];
	struct outgoing_batch batch;
};

#endif
