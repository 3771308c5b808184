/*
 * supervisor -- the state of the privileged process, and its loop
 *
 * One thread, one epoll loop.  A wake-up first handles every event that is there, then sends what
 * came of it to the workers in batches.  The modules around this struct:
 *
 *   accept, opening   a connection becomes a session
 *   admission	       unless a configured limit is against it
 *   pool, shortage    whether there is room for it, and what is said when there is none
 *   dispatch	       who carries it, and telling that worker
 *   requests	       what workers and manager ask for
 *   ending	       a finished session's legs, until the peer has acknowledged everything
 *   listening	       the listener table in force
 *   launch	       a worker or the manager is started
 *   wakes	       by what sync and the workers wake each other
 *   children	       their death, their next start
 *   sync_child	       both, of the sync process
 *   adoption	       a dead worker's sessions
 *   collect	       what a dead supervisor has left
 *   stopping	       the clean stop
 *   upgrade	       other programs in place of these
 *   door	       whether packets pass, on a host of a pair
 *   gate_child	       what leaves only when the standby has it, likewise
 *   takeover	       goes on with the sessions of the other host
 *   takeover_shelf    lets its connections outlive this process
 *   takeover_ahead    has made for that what could be made before
 *   silence	       ends those of this one without a packet
 *
 * All of them run in this process only and take this struct.
 */
#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H

#include "daemon/settings.h"
#include "daemon/supervisor/admission.h"
#include "daemon/supervisor/custody.h"
#include "daemon/supervisor/door.h"
#include "daemon/supervisor/early.h"
#include "daemon/supervisor/gate_child.h"
#include "daemon/supervisor/kept.h"
#include "daemon/supervisor/listener.h"
#include "daemon/supervisor/notify.h"
#include "daemon/supervisor/pool.h"
#include "daemon/supervisor/process.h"
#include "daemon/supervisor/runtime.h"
#include "daemon/supervisor/shelf.h"
#include "daemon/supervisor/shortage.h"
#include "daemon/supervisor/spawn.h"
#include "daemon/supervisor/takeover.h"
#include "daemon/supervisor/takeover_ahead.h"
#include "daemon/supervisor/tally.h"
#include "daemon/supervisor/upgrade.h"
#include "daemon/supervisor/watchdog.h"
#include "shm/counters.h"
#include "shm/event_ring.h"
#include "shm/gateway_clock.h"
#include "shm/process.h"
#include "shm/region.h"

#define SUPERVISOR_PATH_MAX  4096
#define SUPERVISOR_DEAD_MAX  SHM_WORKERS_MAX
#define SUPERVISOR_TICK_MS   100
#define SUPERVISOR_DRAIN_END 5000 /* ms after DRAIN */

enum supervisor_phase {
	PHASE_STARTING, /* until a worker is ready and the listeners are applied */
	PHASE_RUNNING,
	PHASE_WAITING,	/* stopping: sessions may end by themselves */
	PHASE_DRAINING, /* the workers end them with 421 */
	PHASE_LEAVING,	/* the children were told to end */
	PHASE_KILLING,
	PHASE_ENDED,
};

/* A worker that has died; its cached chunks have to be returned by another. */
struct dead_worker {
	uint32_t owner;
	uint32_t told; /* owner word of the worker that was told to, PROCESS_OWNER_NONE */
};

struct worker {
	struct process process;
	struct watchdog watchdog;
	uint64_t
	    settled_ms; /* CLOCK_MONOTONIC; until then the others have the last one's sessions to take */
	uint32_t owner;	    /* PROCESS_OWNER() of the running one */
	int socket;	    /* -1: none */
	int twin;	    /* the worker's end of it, while it may have to be read for it; -1 */
	struct shelf shelf; /* of listeners */
	struct shelf legs;  /* of a takeover's connections */
	int release;	    /* the eventfd of its place (daemon/supervisor/wakes.h); -1 */
	uint32_t greeting;  /* READY answers it: 0 the start, else this supervisor's number */
	uint16_t version;   /* of its records */
	bool silent;	    /* of an earlier supervisor, and has not answered the greeting yet */
	bool greeted;
	bool ready;
	bool blocked;	    /* the socket is full: EPOLLOUT says when not */
	bool drain_pending; /* HANDOVER_DRAIN is still to be sent */
	uint32_t under_way; /* items with descriptors that it has not confirmed */
	uint32_t sessions;
	uint32_t sweep[SUPERVISOR_DEAD_MAX]; /* dead owner words it has still to be told */
	uint32_t sweeps;
	struct slot_list queue; /* slots it has to be told about */
};

struct supervisor {
	struct settings settings;
	struct spawn_account account;
	char **arguments;	   /* of this program, for the next one */
	const char *configuration; /* the file's path */
	char own_path[SUPERVISOR_PATH_MAX];
	char worker_path[SUPERVISOR_PATH_MAX];
	char manager_path[SUPERVISOR_PATH_MAX];
	char sync_path[SUPERVISOR_PATH_MAX];
	char gate_path[SUPERVISOR_PATH_MAX];
	struct runtime runtime;
	struct shm shm;
	/* Descriptors of regions for readers, which cannot be mapped writable. */
	int readable[SHM_REGIONS];
	struct custody custody;
	struct pool pool;
	struct shortage_state shortage[SHORTAGES];
	bool accepts_put_off; /* listeners are not watched (accept.h) */
	struct listeners listeners;
	struct kept kept; /* by systemd, from the last time */
	struct tally tally;
	struct spell refusals[ADMISSIONS]; /* by configured limits */
	struct gateway_clock clock;
	struct gateway_clock pace;
	uint64_t gateway_ms;
	uint64_t watch_ms; /* likewise, but never ahead at once: for the watchdogs */
	uint64_t monotonic_ms;
	int epoll;
	int timer;
	int signals;
	int self;	 /* pidfd of this process */
	int spare;	 /* given up for a moment when no other descriptor is left; -1: gone */
	int settings_fd; /* the manager's copy of `settings` */
	int journal;	 /* the eventfd that wakes sync (daemon/supervisor/wakes.h) */
	bool can_repair; /* CAP_NET_ADMIN */
	bool tried;	 /* whether a later one could take over (collect.h) */
	bool can_follow; /* it could */

	uint32_t workers;
	struct worker worker[SHM_WORKERS_MAX];
	struct slot_list unowned;		      /* no worker is ready for them */
	struct dead_worker dead[SUPERVISOR_DEAD_MAX]; /* the last ones, a ring */
	uint32_t deaths;

	struct process manager;
	struct watchdog manager_watchdog;
	uint64_t manager_began; /* its heartbeat when it was started */
	int manager_socket;
	struct process sync;
	struct watchdog sync_watchdog;
	int sync_socket;
	struct gate_child gate;

	bool listeners_applied;
	bool worker_was_ready;

	enum supervisor_phase phase;
	uint64_t phase_end_ms; /* monotonic */
	uint64_t drain_ms;
	struct notify_watchdog beat; /* systemd's watchdog */
	struct upgrade upgrade;
	struct door door;
	struct early_state early;
	struct takeover takeover;
	struct takeover_ahead ahead;
	int status; /* exit status */
};

/* Everything up to the first start of the children; an exit status after saying why. */
int supervisor_open(
    struct supervisor *supervisor, const char *runtime_directory, const char *state_directory);
/* Until it is stopped; the exit status. No child is left. */
int supervisor_run(struct supervisor *supervisor);
void supervisor_close(struct supervisor *supervisor);

/* Looks at the clocks; publishes the floor of gateway time. */
void supervisor_look_at_clock(struct supervisor *supervisor);

static inline void
supervisor_count(const struct supervisor *supervisor, enum counter_id id, uint64_t n)
{
	counter_add(shm_counters(&supervisor->shm, SHM_WRITER_SUPERVISOR), id, n);
}

static inline void
supervisor_event(const struct supervisor *supervisor, const struct event *event)
{
	event_ring_write(shm_events(&supervisor->shm, SHM_WRITER_SUPERVISOR), event);
}

/* Of a process: index of a worker, else 0. text: NULL, none. */
void supervisor_event_process(const struct supervisor *supervisor, uint32_t id, uint32_t index,
    pid_t pid, const char *text, uint64_t number);
/* Identity and endpoints of the slot's session. */
void supervisor_event_init(
    const struct supervisor *supervisor, struct event *event, uint32_t id, uint32_t slot);

#endif
