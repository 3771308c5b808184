/*
 * custody -- the slots and the descriptors of their sessions
 *
 * The public half of a slot (struct slot_custody) lies in control and is what the others read;
 * the private half (struct custody_slot) holds the descriptors.  Taking a slot raises its
 * generation; freeing it closes what it holds.  Where there is a gate, a slot rests until sync has
 * cleared its place (daemon/sync/guard.h).  The owner word is stored before anything of the
 * session is handed to that worker.
 *
 * A descriptor of a session is a blocking one: io_uring waits for a blocking descriptor by
 * itself, and answers -EAGAIN for a non-blocking one.
 *
 * Supervisor only.  0 or -errno.
 */
#ifndef SUPERVISOR_CUSTODY_H
#define SUPERVISOR_CUSTODY_H

#include "daemon/gate/positions.h"
#include "daemon/supervisor/slot_list.h"
#include "shm/region.h"
#include "shm/slot.h"

#define CUSTODY_UNOWNED SHM_WORKERS_MAX

/* What its worker has still to be told about a session. */
enum custody_pending {
	PENDING_CLIENT = 1 << 0,
	PENDING_SERVER = 1 << 1,
	PENDING_SERVER_FAILED = 1 << 2,
	PENDING_ADOPT = 1 << 3,
	PENDING_CLEAR = 1 << 4,
};

struct custody_slot {
	int fd[SHM_LEGS];
	uint8_t worker;	    /* index of the owner, CUSTODY_UNOWNED */
	uint8_t died;	    /* index of the worker it is adopted from */
	uint8_t pending;    /* enum custody_pending */
	uint8_t end_waited; /* looks at the legs since ENDING, saturating */
	uint8_t untouched;  /* HANDOVER_LEG() bits: restored, and held by no worker since */
	bool cools;	    /* it stands in `cooling` */
	uint64_t due_ms;    /* CLOCK_MONOTONIC: connect or ending gives up */
};

struct custody {
	const struct shm *shm;
	uint32_t slots;
	uint32_t in_use;
	uint32_t most_used;
	uint32_t descriptors;
	uint64_t id_prefix; /* 24 random bits, shifted */
	uint64_t id_counter;
	struct custody_slot *slot;    /* [slots] */
	struct slot_link *queue_link; /* free, or waiting for a worker */
	struct slot_link *timer_link; /* connecting, or ending */
	struct slot_list free;
	struct slot_list
	    cooling; /* free, but the gate still knows the last session; the oldest first */
	struct slot_list connecting;
	struct slot_list ending;
	const struct gate_positions *places; /* NULL: there is no gate */
};

/* sessions_max: at most that many slots are used. */
int custody_init(struct custody *custody, const struct shm *shm, uint32_t sessions_max);
void custody_fini(struct custody *custody);
/* After custody_init() over memory in which an earlier supervisor has worked: a session there is in
 * use here too, without descriptors and without owner. */
void custody_restore(struct custody *custody);

/* A free slot, now SLOT_TAKEN, with a new generation and session id, all else cleared.
 * SHM_NO_SLOT: every slot is in use or rests, or a replica (shm/slot.h), or replicas are all that was found. */
uint32_t custody_take(struct custody *custody);
/* custody_take() would give none. */
bool custody_is_full(struct custody *custody);
void custody_set_state(struct custody *custody, uint32_t slot, enum slot_state state);
void custody_set_leg(struct custody *custody, uint32_t slot, enum shm_leg leg, int fd);
/* What this leg still sends is no session's any more, and needs no standby (daemon/gate/mark.h). */
void custody_unmark(const struct custody *custody, uint32_t slot, enum shm_leg leg);
/* Unmarks it too. */
void custody_close_leg(struct custody *custody, uint32_t slot, enum shm_leg leg);
/* Closes its descriptors. It must stand in no queue any more. */
void custody_free(struct custody *custody, uint32_t slot);

/* A session of the other host becomes one of this host, SLOT_TAKEN, with the identity that it has.  False:
 * it is none, or beyond the slots in use here. */
bool custody_take_replica(struct custody *custody, uint32_t slot);
/* A session of this host is none any more, and what is in memory of it is sync's to take away. */
void custody_give_replica(struct custody *custody, uint32_t slot);

void custody_stop_timer(struct custody *custody, uint32_t slot);

/* In range, a session, and of that generation. */
bool custody_holds(const struct custody *custody, uint32_t slot, uint32_t generation);
uint32_t custody_generation(const struct custody *custody, uint32_t slot);
enum slot_state custody_state(const struct custody *custody, uint32_t slot);
enum leg_state custody_leg_state(const struct custody *custody, uint32_t slot, enum shm_leg leg);
/* A session that has not begun to end, of that worker (CUSTODY_UNOWNED: of none), and not about to be adopted. */
bool custody_is_with(const struct custody *custody, uint32_t slot, uint8_t worker);
/* SHM_NO_SLOT: there is no such session. */
uint32_t custody_find(const struct custody *custody, uint64_t session_id);

/* Notes for each leg that is held what its kernel has accepted (slot_leg.accepted). */
void custody_measure(struct custody *custody);

#endif
