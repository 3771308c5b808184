/*
 * session -- one session in the worker that holds it
 *
 * What must survive lies in the slot (shm/slot.h).  This is the rest: descriptors, what is under
 * way in the ring, and how far bytes have come since the last commit.  All of it can be found
 * again from the slot and the kernel, and an adopter does so (worker/adopt.h).
 *
 * The inspection state lives in the record in its saved form only.  A commit loads it into the
 * worker's single native state (which checks it each time), steps that, and saves it: the record
 * never depends on the core's layout, and a draft that cannot be committed is simply forgotten.
 *
 * Life: NONE -> LIVE (the core is called) -> ENDING (both endings are committed: output leaves,
 * what still comes is discarded) -> FINISHING (FINISHED is committed: requests are cancelled)
 * -> NONE.
 */
#ifndef WORKER_SESSION_H
#define WORKER_SESSION_H

#include "shm/slot.h"
#include "worker/list.h"
#include "worker/timer_wheel.h"

#include <stdbool.h>
#include <stdint.h>

enum session_state { SESSION_NONE, SESSION_LIVE, SESSION_ENDING, SESSION_FINISHING };

enum leg_read {
	READ_NONE,
	READ_RECEIVE, /* RECV into the window at `received` */
	READ_DISCARD, /* RECV that throws the bytes away */
	READ_POLL,    /* waits without a chunk */
};

enum leg_flag {
	LEG_END = 1 << 0,	   /* the peer's FIN was received */
	LEG_RESET = 1 << 1,	   /* broken: nothing more can be received or sent */
	LEG_SENDING = 1 << 2,	   /* one send is under way */
	LEG_SEND_STARVED = 1 << 3, /* the kernel had no memory for it */
	LEG_FIN_DONE = 1 << 4,	   /* our FIN follows what was sent */
	LEG_RESET_ASKED = 1 << 5,  /* the supervisor was asked to reset it */
	LEG_PARKED = 1 << 6,	   /* idle: wait by poll */
	LEG_STARVED = 1 << 7,	   /* no chunk was free to receive into */
	LEG_LINGERED = 1 << 8,	   /* waited long enough for the peer's FIN */
	LEG_CANCELLED = 1 << 9,	   /* the read is being cancelled */
	LEG_ABSENT = 1 << 10,	   /* will never have a descriptor */
	LEG_DEAD = 1 << 11,	   /* adopted after its reset: only what had arrived is left */
	LEG_SETTLED = 1 << 12,	   /* with the FIN: the peer needs nothing more of this host */
	LEG_UNTOLD = 1 << 13,	   /* the last record may be older than it */
	LEG_NARROW = 1 << 14,	   /* its receive buffer may be hardly one (struct leg_tcp) */
};

/* What has happened to a session and was not yet given to the core. */
enum session_signal {
	SIGNAL_RESET_CLIENT = 1 << 0,
	SIGNAL_RESET_SERVER = 1 << 1,
	SIGNAL_SERVER_FAILED = 1 << 2,
	SIGNAL_TIMER = 1 << 3,
	SIGNAL_CLEAR = 1 << 4,
	SIGNAL_SHUTDOWN = 1 << 5,
	SIGNAL_SHORTAGE = 1 << 6,
};

struct leg {
	int32_t descriptor; /* -1 none */
	uint16_t flags;	    /* enum leg_flag */
	uint8_t read;	    /* enum leg_read */
	uint8_t reserved;
	uint32_t
	    unread; /* the last bytes of these, as many, the kernel holds too (worker/unread.h) */
	uint64_t received;     /* input position up to which bytes are in the window */
	uint64_t sent;	       /* output position up to which the kernel has taken bytes */
	uint64_t acknowledged; /* and up to which nobody needs them (worker/receipt.h); <= sent */
};

struct session {
	struct timer timer;	     /* first: the wheel gives it back */
	struct slot_session *shared; /* this worker's part of the slot */
	uint32_t slot;
	uint32_t generation;
	uint32_t under_way;	       /* submissions whose completion has not come */
	uint8_t state;		       /* enum session_state */
	uint8_t signals;	       /* enum session_signal bits waiting */
	bool blocked;		       /* input or a signal waits for output to leave */
	bool adopted;		       /* a dead worker may have left chunks that no window names */
	uint64_t active_ms;	       /* last time a byte came or went */
	uint64_t blocked_ms;	       /* since when a signal waits; 0 none */
	uint64_t secret_end[SHM_LEGS]; /* RECORD_SECRET: input up to here may hold credentials */
	uint32_t discarded;	       /* bytes thrown away while ending */
	bool step_waits;	       /* in `waiting`: for a chunk that its step needs */
	bool found;		       /* by adoption, and nothing was done about it yet */
	bool to_end;		       /* found: it is poisoned */
	struct list waiting;	       /* worker/waiting.h */
	struct list holding;	       /* worker/shedding.h */
	struct list unreleased;	       /* worker/release_queue.h */
	uint64_t lsn;		       /* in `unreleased`: its newest entry in the journal */
	uint64_t still_ms;	       /* in `holding`: since when it has stood still */
	uint64_t passed;	       /* input of both legs that was needed no longer then */
	struct leg leg[SHM_LEGS];
};
_Static_assert(sizeof(struct session) <= 256, "an idle session is small");

struct worker;

/* How much of one direction a session holds before it stops reading: a slow peer's back-pressure. */
#define SESSION_HELD_MAX (256u * 1024u)
_Static_assert(
    2u * SHM_CHUNK_SIZE <= SHM_READ_MAX, "what the kernel holds leaves room for what a step needs");

#define SESSION_IDLE_MS	      200u   /* then chunks are given back */
#define SESSION_REST_MS	      2000u  /* then the standby is told what has been acknowledged */
#define SESSION_BLOCKED_MS    5000u  /* a signal that cannot be told: then RST */
#define SESSION_LINGER_MS     10000u /* for the peer's FIN after ours */
#define SESSION_UNSENT_MS     30000u /* for the last output to be taken at all */
#define SESSION_DISCARD_BYTES (1024u * 1024u)

/* The session in `slot` if it is the one of that generation, else NULL. */
struct session *session_find(struct worker *worker, uint32_t slot, uint32_t generation);

/* Takes an entry for the slot, which must have none here; no descriptors yet. */
struct session *session_take(struct worker *worker, uint32_t slot, uint32_t generation);
/* Gives a leg its descriptor and publishes its number. */
void session_attach(struct session *session, enum shm_leg leg, int descriptor);

/* First commit of a new session: from here on it exists. Closes it at once if its policy does not
 * hold. */
void session_open(struct worker *worker, struct session *session);

/* The server leg could not be opened. */
void session_server_failed(struct worker *worker, struct session *session, int error);
void session_signal(struct worker *worker, struct session *session, enum session_signal signal);

/* Something has changed: steps what has arrived, commits, and does what is committed.  As long as its
 * last commit waits, it only receives. */
void session_run(struct worker *worker, struct session *session);
/* It waits no longer. */
void session_let_go(struct worker *worker, struct session *session);
/* Does what is committed, without a step. */
void session_act(struct worker *worker, struct session *session);
/* A submission of the session has completed; frees the entry when it was the last one awaited. */
void session_settle(struct worker *worker, struct session *session);

/* The published record; NULL before the first. */
static inline const struct record *
session_record(const struct session *session)
{
	return record_current(session->shared);
}

const struct slot_custody *session_custody(
    const struct worker *worker, const struct session *session);
/* Output committed for a leg and not yet taken by the kernel. */
uint64_t session_pending(const struct session *session, enum shm_leg leg);
/* Output committed for a leg that may have to be sent again, or for the first time. */
uint64_t session_unsettled(const struct session *session, enum shm_leg leg);
/* The part of what is pending that may leave now. */
uint64_t session_sendable(const struct session *session, enum shm_leg leg);
/* In a pair: the leg has received what no record says yet, be it the peer's FIN. */
bool session_is_unstored(
    const struct worker *worker, const struct session *session, enum shm_leg leg);
/* Both legs have an ending: there is nothing left to step. */
static inline bool
session_is_over(const struct session *session)
{
	const struct record *record = session_record(session);

	return record->ending[SHM_CLIENT] != ENDING_NONE &&
	       record->ending[SHM_SERVER] != ENDING_NONE;
}
/* First input position of leg L that is still needed. */
uint64_t session_needed(const struct session *session, enum shm_leg leg);
/* Its ending is carried out, as far as it can be. */
bool session_leg_is_done(const struct leg *leg);
/* Nothing can be sent to this leg any more. */
bool session_leg_gone(const struct session *session, enum shm_leg leg);

#endif
