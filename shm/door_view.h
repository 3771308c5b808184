/*
 * door_view -- how the door of the floating addresses stands, and whether the gate does
 *
 * One in control; only the supervisor writes it, from what the kernel says (daemon/supervisor/door.h).
 * Without a failover group in smtpguard.conf it stays zero.  libc only.
 */
#ifndef SHM_DOOR_VIEW_H
#define SHM_DOOR_VIEW_H

#include "shm/layout.h"

#include <stdbool.h>

#define DOOR_FAULT_MAX 160u /* with its NUL */

enum door_family { DOOR_IPV4, DOOR_IPV6, DOOR_FAMILIES };

/* X(name, word) */
#define DOOR_STATES(X)                                                                             \
	X(ABSENT, "none")   /* the pair has no address of this family */                           \
	X(CLOSED, "closed") /* nothing passes */                                                   \
	X(OPEN, "open")                                                                            \
	X(FAULT, "fault") /* a part of it is missing: what passes is not known */

enum door_state {
#define X(name, word) DOOR_##name,
	DOOR_STATES(X)
#undef X
	    DOOR_STATE_COUNT
};

/* X(name, word) */
#define GATE_VIEWS(X)                                                                              \
	X(NONE, "none")	    /* no pair */                                                          \
	X(STANDS, "stands") /* nothing passes it that is to wait */                                \
	X(ABSENT, "absent") /* it could not be made: this host serves alone */                     \
	X(GONE, "gone")	    /* somebody has taken it away, and it could not be put back */

enum gate_view {
#define X(name, word) GATE_VIEW_##name,
	GATE_VIEWS(X)
#undef X
	    GATE_VIEW_COUNT
};

/* X(name, word) */
#define EARLY_VIEWS(X)                                                                             \
	X(NONE, "none")	  /* no pair, or no gate: what comes to a closed door is dropped */        \
	X(WAITS, "waits") /* what comes to a floating address waits for the door to open */        \
	X(PASSES, "passes")

enum early_view {
#define X(name, word) EARLY_VIEW_##name,
	EARLY_VIEWS(X)
#undef X
	    EARLY_VIEW_COUNT
};

#define DOOR_GATE_FAULT_MAX 92u /* with its NUL */

/* Well: `fault` is "" and each family that is not ABSENT is as `wanted` says. */
struct door_status {
	uint32_t wanted;		      /* DOOR_CLOSED or DOOR_OPEN */
	uint32_t state[DOOR_FAMILIES];	      /* enum door_state, as found last */
	uint32_t moved_ns;		      /* how long the last opening or closing took */
	uint64_t moved_us;		      /* CLOCK_REALTIME of that; 0: not since the start */
	char fault[DOOR_FAULT_MAX];	      /* the first thing that is amiss, "" nothing */
	uint32_t gate;			      /* enum gate_view */
	char gate_fault[DOOR_GATE_FAULT_MAX]; /* why it is ABSENT or GONE */
	uint32_t early;			      /* enum early_view */
	uint8_t reserved[28];
};

struct door_view {
	_Atomic uint64_t sequence; /* shm/whole.h */
	struct door_status status;
};
_Static_assert(sizeof(struct door_view) % SHM_CACHE_LINE == 0, "whole lines");

void door_view_publish(struct door_view *view, const struct door_status *status);
/* False: there is no door, or its writer died within. */
bool door_view_read(const struct door_view *view, struct door_status *ret_status);

/* "" for what is out of range. */
const char *door_state_word(unsigned state);
const char *door_family_word(unsigned family); /* "IPv4" */
const char *gate_view_word(unsigned view);
const char *early_view_word(unsigned view);

#endif
