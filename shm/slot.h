/*
 * slot -- a session's place: identity and custody (control), record and windows (sessions)
 *
 * A slot is named by index and generation; the generation rises each time the slot is taken.
 * Three writers, three parts:
 *   supervisor  struct slot_custody up to `sync`: identity, legs, bases, owner, poison marks
 *   sync        slot_custody.sync: what the standby holds
 *   worker      struct slot_session: descriptor numbers, windows, records, trail
 *
 * Life of custody.state:
 *   FREE -> TAKEN (by the supervisor, which fills the identity)
 *        -> OPENING (accepted, client leg handed over, server leg connecting)
 *        -> OPEN (server leg established or failed) -> ENDING (the worker has finished with it)
 *        -> FREE
 *   FREE -> REPLICA (by sync on a standby: it holds a session of the other host) -> FREE
 *   REPLICA -> TAKEN -> OPENING or OPEN (by the supervisor of a host that takes over)
 *   any session -> REPLICA (by the supervisor of a host that has lost its sessions to the other; sync
 *                  frees what it holds)
 * The ways out of FREE and REPLICA are a compare-and-swap, but for sync's own replicas: a slot is the
 * supervisor's or sync's, never both's.
 * The other steps are stores of whose it is.  The identity is filled before OPENING (release store),
 * and stays until FREE.  TAKEN and REPLICA are no session of this host: slot_is_session().
 */
#ifndef SHM_SLOT_H
#define SHM_SLOT_H

#include "shm/layout.h"
#include "shm/policy_area.h"
#include "shm/record.h"
#include "shm/trail.h"
#include "shm/window.h"

#include <stdbool.h>
#include <stddef.h>

enum slot_state {
	SLOT_FREE,
	SLOT_OPENING,
	SLOT_OPEN,
	SLOT_ENDING,
	SLOT_TAKEN,
	SLOT_REPLICA,
};

static inline bool
slot_is_session(uint32_t state)
{
	return state == SLOT_OPENING || state == SLOT_OPEN || state == SLOT_ENDING;
}

enum slot_mode {
	SLOT_INSPECT,
	SLOT_RELAY, /* `no inspect esmtp`: line by line, everything passes */
	SLOT_RAW,   /* `no inspect esmtp raw`: bytes */
};

#define SLOT_NO_LISTENER UINT32_MAX

enum leg_state { LEG_NONE, LEG_CONNECTING, LEG_OPEN, LEG_FAILED, LEG_ENDED };

/* What TCP_REPAIR needs to make this leg again on another host; dumped once, at open, or as it was made
 * by TCP_REPAIR. */
struct leg_tcp {
	uint32_t receive_sequence; /* sequence number of stream position base_received */
	uint32_t send_sequence;	   /* likewise of base_written */
	uint32_t timestamp;	   /* TCP_TIMESTAMP at the dump; bit 0 = microseconds */
	uint32_t send_window;
	uint32_t max_window;
	uint32_t receive_window;
	uint32_t rtt_us;
	uint16_t mss; /* the peer's clamp */
	uint8_t send_scale;
	uint8_t receive_scale;
	uint8_t options;  /* TCPI_OPT_* */
	uint8_t dumped;	  /* 0: without CAP_NET_ADMIN; the leg cannot move to another host */
	uint8_t restored; /* made by TCP_REPAIR on this host: no SYN was counted */
	/* Restored so that its kernel accepts no more than one segment, as it gathers them: the window is full, and has
	 * what another kernel had accepted besides.  Its worker gives it the buffer of any leg before it reads it again. */
	uint8_t narrow;
	uint64_t dumped_ms; /* gateway time */
};

struct slot_leg {
	uint64_t cookie; /* SO_COOKIE: proves a descriptor found in another process */
	_Atomic uint32_t state;
	int32_t error;		/* errno of a failed connect */
	uint64_t base_received; /* stream position at which the kernel's counters started */
	uint64_t base_written;
	struct shm_endpoint local;
	struct shm_endpoint peer;
	struct leg_tcp tcp;
	/* What the kernel had accepted of the peer's when sync asked for it: as a stream position, and one
	 * for the peer's FIN. */
	_Atomic uint64_t accepted;
};

/* What the standby holds of this session; written by sync only (shm/release.h). */
struct slot_sync {
	_Atomic uint64_t acknowledged;	     /* record sequence */
	_Atomic uint64_t received[SHM_LEGS]; /* as slot_leg.accepted */
	_Atomic uint32_t generation; /* whose that is: the slot's last session leaves it behind */
	uint8_t reserved[36];
};

struct slot_custody {
	_Atomic uint32_t state; /* enum slot_state */
	_Atomic uint32_t generation;
	_Atomic uint32_t owner; /* PROCESS_OWNER() of the worker that holds it */
	uint32_t listener; /* index in the table in force; SLOT_NO_LISTENER: it is gone from that */
	uint64_t session_id;
	uint64_t opened_ms;   /* gateway time */
	uint64_t opened_us;   /* CLOCK_REALTIME */
	uint64_t policy_hash; /* first 8 bytes of the policy's generation */
	uint32_t policy_slot;
	uint8_t mode; /* enum slot_mode */
	/* A bit for each leg: made in a takeover, with all output; its FIN is committed and was not put behind it yet. */
	uint8_t ends;
	uint8_t reserved0[2];
	/* Poison: a step at this position has killed its worker `marks` times. */
	uint64_t mark_position;
	uint32_t mark_direction;
	_Atomic uint32_t marks;
	struct slot_leg leg[SHM_LEGS];
	char class_name[CLASS_NAME_SIZE]; /* of the class that took it; "": none */
	struct shm_endpoint
	    source; /* of the server's leg, as configured; family 0: the kernel's choice */
	/* The last generation before a replica; the next one is above both. */
	uint32_t generation_before;
	uint64_t told_ms; /* CLOCK_MONOTONIC: of a replica, when its last change was told */
	uint8_t reserved1[20];
	_Alignas(SHM_CACHE_LINE) struct slot_sync sync;
};
_Static_assert(sizeof(struct slot_custody) == 512, "identity: 512 bytes");

struct slot_session {
	struct window input[SHM_LEGS]; /* received from leg L */
	struct window text[SHM_LEGS];  /* written by the gateway itself, to leg L */
	struct window extension;       /* content state of a message: one chunk, two halves */
	struct record record[2];
	_Atomic uint64_t published;  /* record_publish(): (sequence << 1) | which; 0 = no record */
	_Atomic uint32_t generation; /* the generation that windows and records belong to */
	_Atomic int32_t descriptor[SHM_LEGS]; /* numbers in the owning worker, -1 none */
	uint32_t reserved0;
	struct trail trail;
	uint8_t reserved1[32];
};
_Static_assert(offsetof(struct slot_session, record) % SHM_CACHE_LINE == 0 &&
		   sizeof(struct record) % SHM_CACHE_LINE == 0,
    "no two records share a line");
_Static_assert(sizeof(struct slot_session) % SHM_CACHE_LINE == 0, "slots keep their lines");
_Static_assert(sizeof(struct slot_session) <= 3200, "idle session budget");

/* The published record, or NULL before the first commit of this generation. Owner only: no copy. */
static inline const struct record *
record_current(const struct slot_session *session)
{
	uint64_t published = atomic_load_explicit(&session->published, memory_order_acquire);
	const struct record *record = &session->record[published & 1];

	if (published == 0 || record->generation != session->generation)
		return NULL;
	return record;
}

#endif
