/*
 * channel -- the conversation between the two hosts of a pair
 *
 *                      connected             both Hellos fit
 *            DOWN ---------------> GREETING -----------------> TALKING
 *              ^                      |                           |
 *              |     disconnected     |  refused, by either       |
 *              +---------------------CLOSED <---------------------+
 *
 * Both say Hello at once.  What they agree on (agreement.h) makes one of them send its log and the
 * other store it; when nobody is active they exchange heartbeats only.  The active begins by a Start:
 * the log goes on where the standby stands (CHANNEL_RESUMED), or a snapshot is needed
 * (CHANNEL_SNAPSHOT_WANTED, upon which the owner begins one and appends each session, whole, between
 * the entries of what happens meanwhile).  The standby acknowledges what it has stored, once for all
 * that has come.  Everything carries the epoch: what comes from one that has passed is refused, and
 * gets no acknowledgement.
 *
 * Beside the log the channel carries what the two role machines (role.h) say to each other: the state
 * in each Hello and, when it changes, in a word; words arrive in the order in which they were said.
 *
 * A pure machine over messages and time: channel_receive() and channel_next() are all that goes in and
 * out; the owner carries messages (sync_stream.h, tls.h, a socket) and looks after restarts.  Log and
 * place in the log outlive a connection.  News are told from within the calls; the owner must not call
 * back from there but for the functions that only look.  Called by sync only.
 */
#ifndef DAEMON_SYNC_CHANNEL_H
#define DAEMON_SYNC_CHANNEL_H

#include "daemon/sync/agreement.h"
#include "daemon/sync/incoming.h"
#include "daemon/sync/outgoing.h"

enum channel_state { CHANNEL_DOWN, CHANNEL_GREETING, CHANNEL_TALKING, CHANNEL_CLOSED };

enum channel_news {
	CHANNEL_GREETED,	 /* the other's Hello, whatever comes of it: channel_peer() */
	CHANNEL_AGREED,		 /* value: enum agreed_part */
	CHANNEL_WORD,		 /* channel_word() */
	CHANNEL_RESUMED,	 /* active: the log goes on; value: lsn where the standby stands */
	CHANNEL_SNAPSHOT_WANTED, /* active: channel_begin_snapshot() */
	CHANNEL_ACKNOWLEDGED,	 /* active; value: lsn */
	CHANNEL_COMPILED,	 /* active: the standby has compiled `generation` */
	CHANNEL_NOT_COMPILED,	 /* active: it cannot; `reason` */
	CHANNEL_SYNCED,		 /* active: the standby has the whole snapshot */
	CHANNEL_SNAPSHOT_BEGUN,	 /* standby: what is held is old until it is told again */
	CHANNEL_HEARD,		 /* a heartbeat: channel_heartbeat() */
	CHANNEL_REFUSED,	 /* by this host; value: enum sync_reason */
	CHANNEL_REFUSED_THERE,	 /* by the other; likewise */
};

struct channel_event {
	enum channel_news news;
	uint64_t value;
	struct sync_bytes generation;
	const char *reason; /* good as long as the message that it came in */
};

typedef void channel_tell(void *owner, const struct channel_event *event);

struct channel_settings {
	/* Of this host's Hello: what does not change. */
	const char *node; /* both stay the owner's, as long as the channel lives */
	const char *peer; /* "": any */
	uint32_t version_oldest, version_newest;
	uint32_t record_oldest, record_newest;
	uint64_t features;
	uint32_t abi_major, abi_minor;
	uint32_t slots, chunks;
	uint32_t side;
	enum sync_commit commit;
	struct outgoing_settings log; /* its `slots` are those above */
	/* So long entries gather at most, from the last that were sent on: while those are under way, and
	 * behind a batch of so many bytes even when they are acknowledged. */
	uint64_t batch_us, bulk_us;
	size_t bulk_bytes;
	uint64_t heartbeat_us; /* one is sent so often */
	uint64_t silence_us;   /* without a message for so long the conversation is over */
	incoming_store *store;
	channel_tell *tell;
	void *owner;
};

struct channel_time {
	uint64_t now_us;     /* monotonic */
	uint64_t gateway_ms; /* for the heartbeat */
	uint32_t tcp_clock;  /* likewise */
};

struct channel;

/* A standby of epoch 0. NULL: no memory. */
struct channel *channel_create(const struct channel_settings *settings);
void channel_destroy(struct channel *channel);

/* Another role or, of an active, another epoch is another log, and ends the conversation. */
void channel_set_standing(struct channel *channel, enum sync_role role, uint64_t epoch);

/* Of the role machine; the other host is told, in its turn among the words. */
void channel_set_state(struct channel *channel, uint32_t state);
/* Only while there is a conversation, and otherwise forgotten.  FROZEN goes behind what was appended. */
void channel_say(struct channel *channel, enum sync_saying saying);

void channel_connected(struct channel *channel, uint64_t now_us);
void channel_disconnected(struct channel *channel);
/* Ends the conversation: for what was found below the messages (sync_stream.h). */
void channel_refuse(struct channel *channel, enum sync_reason reason);

void channel_receive(struct channel *channel, uint64_t now_us, const struct sync_message *message);
/* The next message that is due; it points into the channel and is good until the next call.
 * is_secret: it is not to be compressed.  In CLOSED, once this gives false, the connection is to be
 * closed. */
bool channel_next(struct channel *channel, const struct channel_time *time,
    struct sync_message *ret_message, bool *ret_is_secret);
/* When channel_next() may have something though nothing has happened; UINT64_MAX: never. */
uint64_t channel_deadline(const struct channel *channel);

/* Active: while entries are under way those that come gather, till they are acknowledged or then, and in bulk
 * mail till then; in the past: they go at once. */
uint64_t channel_gathers_until(const struct channel *channel);
void channel_begin_snapshot(struct channel *channel);
/* The log is over: a new snapshot must begin another one. */
void channel_abandon(struct channel *channel);
enum outgoing_result channel_end_snapshot(struct channel *channel, uint64_t now_us);
enum outgoing_result channel_append(
    struct channel *channel, uint64_t now_us, const struct sync_entry *entry);
const struct outgoing *channel_outgoing(const struct channel *channel);

/* Standby: tells the active with the next acknowledgement. false: too many wait. */
bool channel_compiled(struct channel *channel, const uint8_t generation[SYNC_GENERATION_SIZE]);
/* Likewise that it cannot be; of two that wait the later one is told. */
void channel_not_compiled(
    struct channel *channel, const uint8_t generation[SYNC_GENERATION_SIZE], const char *reason);
/* What is held is not to be gone on with: there will be a snapshot. */
void channel_forget(struct channel *channel);
const struct incoming *channel_incoming(const struct channel *channel);

enum channel_state channel_state(const struct channel *channel);
const struct agreement *channel_agreement(const struct channel *channel);      /* while TALKING */
const struct sync_heartbeat *channel_heartbeat(const struct channel *channel); /* the latest */
/* Of the other host; without the name that it expects.  From GREETED on. */
const struct sync_hello *channel_peer(const struct channel *channel);
const struct sync_word *channel_word(const struct channel *channel); /* the latest */
/* now_us of this host at which it had sent what the other host is known to have heard by now: an
 * acknowledgement of whatever was said before.  0: nothing in this conversation. */
uint64_t channel_echoed(const struct channel *channel);
/* The highest epoch that the other host has ever named. */
uint64_t channel_peer_epoch(const struct channel *channel);

#endif
