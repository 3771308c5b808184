/*
 * pair -- what this host knows of its pair, and what is asked of it
 *
 *	struct pair_view      control  sync publishes how the pair stands; manager and supervisor read it
 *	struct pair_history   control  the last changes of state, of this and earlier sync processes
 *	struct pair_answer    control  sync answers what the manager has asked
 *	struct pair_request   policy   the manager asks for a change of roles
 *
 * Each has one writer.  A pair_view is written whole under a sequence word, so that what a reader gets
 * is of one moment; the others are words.  All that is read here another process wrote: numbers are to
 * be checked before they index anything, texts end (pair_view_read() sees to it).
 *
 * Without a failover group in smtpguard.conf nobody writes them, and all of them stay zero.
 * libc only.
 */
#ifndef SHM_PAIR_H
#define SHM_PAIR_H

#include "shm/layout.h"

#include <stdbool.h>

#define PAIR_NAME_MAX	64u   /* with its NUL */
#define PAIR_TEXT_MAX	128u  /* likewise */
#define PAIR_ALIVE_MS	2000u /* a sync process that is silent for so long hangs or is gone */
#define PAIR_REQUEST_MS 2000u /* a request that was not taken in that time is not carried out */

/* PAIR_CHANNEL(name, word): the connection between the two hosts */
#define PAIR_CHANNELS(X)                                                                           \
	X(DOWN, "down")		    /* nobody is there */                                          \
	X(CONNECTING, "connecting") /* TCP or TLS is under way */                                  \
	X(GREETING, "greeting")	    /* both say Hello */                                           \
	X(SNAPSHOT, "snapshot")	    /* the standby gets what it does not have yet */               \
	X(UP, "up")

enum pair_channel {
#define X(name, word) PAIR_CHANNEL_##name,
	PAIR_CHANNELS(X)
#undef X
	    PAIR_CHANNEL_COUNT
};

/* How the pair stands, as sync sees it.  Times are CLOCK_REALTIME in microseconds, 0: never. */
struct pair_status {
	uint32_t state;	     /* enum role_state */
	uint32_t reason;     /* enum role_reason, of that state */
	uint32_t channel;    /* enum pair_channel */
	uint32_t peer_state; /* enum role_state, as heard last; holds if peer_heard_us is not 0 */
	uint64_t since_us;   /* it is in that state */
	uint64_t epoch;	     /* of this host, as it was saved */
	uint64_t peer_epoch; /* the highest that the other has named */
	uint64_t peer_heard_us; /* the last heartbeat or hello */
	uint64_t newest_lsn;	/* active: of its log; standby: that it was told of */
	uint64_t acked_lsn;	/* active: by the standby; standby: by this host */
	uint64_t waiting;	/* entries that are not acknowledged */
	uint64_t waiting_bytes; /* likewise */
	uint64_t lag_us;	/* for how long nothing of that was acknowledged */
	uint64_t protected_sessions;
	uint64_t snapshot_done; /* sessions; both 0: no snapshot is under way */
	uint64_t snapshot_whole;
	uint64_t connects;	     /* connections that were made, by either host */
	uint64_t refusals;	     /* that ended by a refusal, of either host */
	uint64_t refused_us;	     /* the last one */
	char refusal[PAIR_TEXT_MAX]; /* why; "" never */
	char node[PAIR_NAME_MAX];
	char peer[PAIR_NAME_MAX]; /* its name, "" until it was heard */
	uint8_t reserved[120];
};

struct pair_view {
	_Atomic uint64_t sequence; /* odd: being written; 0: nothing was published yet */
	_Atomic uint64_t alive_ms; /* CLOCK_MONOTONIC, of sync's last turn */
	_Atomic int32_t pid;
	/* What sync keeps for the process that comes after it. */
	_Atomic uint32_t word;	 /* enum role_word: keepalived says nothing twice */
	_Atomic uint64_t served; /* the epoch whose sessions this host has; 0: none */
	/* The epoch whose sessions it is making, from when that is to be saved until the door was
	 * opened; 0: none. */
	_Atomic uint64_t restoring;
	_Atomic uint32_t is_word_used; /* this host has lost the role since that word */
	uint8_t reserved_1[4];
	_Atomic uint64_t restoring_ms; /* CLOCK_MONOTONIC: since when */
	uint8_t reserved_2[8];
	struct pair_status status;
};
_Static_assert(sizeof(struct pair_view) % SHM_CACHE_LINE == 0, "whole lines");

#define PAIR_HISTORY 64u /* power of two */

struct pair_change {
	uint64_t at_us; /* CLOCK_REALTIME */
	uint64_t epoch;
	uint32_t from, to; /* enum role_state */
	uint32_t reason;   /* enum role_reason */
	uint32_t reserved;
};

struct pair_history {
	_Atomic uint64_t count; /* of all; the last PAIR_HISTORY are there */
	uint8_t reserved[56];
	struct pair_change change[PAIR_HISTORY];
};

enum pair_command {
	PAIR_ACTIVE = 1, /* failover active */
	PAIR_STANDBY,	 /* no failover active */
	PAIR_FORCE,	 /* failover force */
	PAIR_COMMAND_END,
};

/* One at a time; number rises with each, and is written last. */
struct pair_request {
	_Atomic uint32_t number;
	_Atomic uint32_t command; /* enum pair_command */
	_Atomic uint64_t end_ms;  /* CLOCK_MONOTONIC: it is not to be carried out later */
	uint8_t reserved[48];
};
_Static_assert(sizeof(struct pair_request) == 64, "one line");

/* The number is written last. */
struct pair_answer {
	_Atomic uint32_t number;  /* of the request that was answered last */
	_Atomic uint32_t refusal; /* enum role_refusal; NONE: it is being done */
	uint8_t reserved[56];
};
_Static_assert(sizeof(struct pair_answer) == 64, "one line");

/* Sync: whenever something has changed, and at each turn that it is alive. */
void pair_view_publish(struct pair_view *view, const struct pair_status *status);
void pair_view_alive(struct pair_view *view, int32_t pid, uint64_t now_ms);
/* False: nothing was published, or its writer died within. */
bool pair_view_read(const struct pair_view *view, struct pair_status *ret_status);
bool pair_view_is_alive(const struct pair_view *view, uint64_t now_ms);

/* Sync. */
void pair_history_add(struct pair_history *history, const struct pair_change *change);
/* The oldest first; returns how many. */
unsigned pair_history_read(
    const struct pair_history *history, struct pair_change ret_changes[PAIR_HISTORY]);

/* Manager: the number to wait for. */
uint32_t pair_ask(struct pair_request *request, enum pair_command command, uint64_t now_ms);
/* False: not answered yet. */
bool pair_answered(const struct pair_answer *answer, uint32_t number, uint32_t *ret_refusal);

/* Sync: true: there is a request that was not answered and whose time is not over; it is to be answered
 * by pair_give_answer(). */
bool pair_take_request(const struct pair_request *request, const struct pair_answer *answer,
    uint64_t now_ms, uint32_t *ret_number, enum pair_command *ret_command);
void pair_give_answer(struct pair_answer *answer, uint32_t number, uint32_t refusal);

/* "" for what is out of range. */
const char *pair_channel_word(unsigned channel);

#endif
