/*
 * succession -- what a supervisor needs of its dead predecessor and can find nowhere else
 *
 * One in control; only the supervisor writes it (`replicas` only sync, for its own successor), each
 * word before what it speaks of is used, so that it holds whenever its writer dies.  All else is found in the slots, in the worker
 * processes and in RUNTIME_DIR/workers.
 */
#ifndef SHM_SUCCESSION_H
#define SHM_SUCCESSION_H

#include "shm/layout.h"

struct succession {
	_Atomic uint32_t
	    supervisor;		   /* how many have worked on this memory; names the present one */
	_Atomic uint32_t worker;   /* serial of the last worker started, see PROCESS_OWNER() */
	_Atomic uint32_t touched;  /* slots [0, touched) have been used at least once */
	_Atomic uint32_t table;	   /* the listener table applied last (shm/policy_area.h) */
	_Atomic uint64_t sequence; /* of that table; 0 = none was applied */
	_Atomic uint64_t session_id; /* given last */
	_Atomic uint64_t looked_ms;  /* CLOCK_MONOTONIC of the clock floor */
	_Atomic uint32_t tries;	     /* to take over, since a supervisor served */
	_Atomic uint32_t upgrade;    /* workers up to this serial are to be replaced; 0 none */
	_Atomic uint32_t replicas;   /* slots [0, replicas) may hold a replica */
	uint8_t reserved[12];
};
_Static_assert(sizeof(struct succession) == 64, "one line");

#endif
