/*
 * process -- the workers as the others see them
 *
 * One entry per configured worker.  struct process_entry lies in control: only the supervisor
 * writes it.  struct worker_pulse lies at the head of the worker's journal ring in sessions: only
 * that worker writes it.
 */
#ifndef SHM_PROCESS_H
#define SHM_PROCESS_H

#include "shm/layout.h"

enum process_state {
	PROCESS_NONE,
	PROCESS_STARTING,
	PROCESS_READY,
	PROCESS_STOPPING,
	PROCESS_DEAD, /* reaped; its slots are being given away */
};

struct process_entry {
	_Atomic uint32_t state; /* enum process_state */
	_Atomic uint32_t
	    owner; /* the owner word of its slots: (serial << 8) | index; never reused */
	_Atomic int32_t pid;
	_Atomic uint32_t sessions;
	uint64_t started_us; /* CLOCK_REALTIME */
	_Atomic uint32_t deaths;
	uint32_t reserved[9];
};
_Static_assert(sizeof(struct process_entry) == 64, "one line per process");

/*
 * What a worker is started with, by number.  All of it stays open in it for the supervisor that comes
 * after the present one's death (pidfd_getfd(2)); the other end of the hand-over socket and the shelves
 * do so for nothing else.
 */
enum inherited {
	INHERITED_REGIONS = 3, /* in the order of enum shm_region */
	INHERITED_HANDOVER = INHERITED_REGIONS + SHM_REGIONS,
	INHERITED_SUPERVISOR,	  /* pidfd of the supervisor */
	INHERITED_HANDOVER_OTHER, /* the supervisor's end of the hand-over socket */
	INHERITED_SHELF,	  /* both ends of the shelf: the listeners lie in between */
	INHERITED_SHELF_OTHER,
	INHERITED_RELEASE, /* eventfds, shm/release.h: by which sync wakes this worker, */
	INHERITED_JOURNAL, /* and any worker sync */
	INHERITED_LEGS,	   /* both ends of a second shelf: connections of a takeover */
	INHERITED_LEGS_OTHER,
	INHERITED_END,
};

#define PROCESS_OWNER(index, serial) (((uint32_t)(serial) << 8) | (uint32_t)(index))
#define PROCESS_INDEX(owner)	     ((owner)&0xffu)
#define PROCESS_OWNER_NONE	     UINT32_MAX

/*
 * The step that the worker is in.  It is published before the core is called and withdrawn after
 * the commit; if the worker dies by a fault in between, the supervisor marks (slot, position).
 */
struct worker_pulse {
	_Atomic uint64_t heartbeat_ms; /* gateway time of the last loop */
	_Atomic uint32_t step_slot;    /* SHM_NO_SLOT: in no step */
	_Atomic uint32_t step_direction;
	_Atomic uint64_t step_position;
	_Atomic uint64_t release_seen; /* release_word() that it obeys; shm/release.h */
	uint8_t reserved[32];
};
_Static_assert(sizeof(struct worker_pulse) == 64, "one line per worker");

#endif
