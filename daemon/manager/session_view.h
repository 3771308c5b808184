/*
 * session_view -- one session, copied out of shared memory and checked
 *
 * Custody, record and trail have different writers and change under the reader; a view is taken
 * only when the slot's generation was the same before and after.  Everything is bounded, but texts
 * (the trail) are still to be escaped.
 */
#ifndef DAEMON_MANAGER_SESSION_VIEW_H
#define DAEMON_MANAGER_SESSION_VIEW_H

#include "daemon/manager/activity.h"
#include "shm/slot.h"

#include <jansson.h>

#define SESSION_FLAGS_MAX 12

struct session_view {
	uint32_t slot;
	uint32_t generation;
	uint32_t state; /* enum slot_state */
	uint32_t owner;
	uint64_t id;
	uint64_t opened_ms; /* gateway time */
	uint64_t opened_us; /* CLOCK_REALTIME */
	uint64_t idle_ms;
	uint64_t policy_hash;
	char policy[64];		  /* name of the map; "" when it is gone or none */
	uint8_t mode;			  /* enum slot_mode */
	char class_name[CLASS_NAME_SIZE]; /* that took it; "": none */
	uint32_t marks;
	uint64_t mark_position;
	struct slot_leg leg[SHM_LEGS];
	bool has_record;
	struct record record;
	unsigned notes;
	struct trail_note note[TRAIL_NOTES];
};

/* False: the slot is free, or changed hands meanwhile. */
bool session_view_read(const struct shm *shm, const struct activity *activity, uint32_t slot,
    uint64_t monotonic_ms, struct session_view *ret_view);
/* The living session of that id; false: none. */
bool session_view_find(const struct shm *shm, const struct activity *activity, uint64_t id,
    uint64_t monotonic_ms, struct session_view *ret_view);

/* ASA letters: U up, I and O data in and out, B from outside, M inspected, F f FIN of client and
 * server, S A while the server leg is being connected. */
void session_view_flags(const struct session_view *view, char flags[SESSION_FLAGS_MAX]);
const char *session_view_phase(const struct session_view *view);
const char *session_view_state(const struct session_view *view);
const char *session_view_mode(const struct session_view *view);
uint64_t session_view_bytes(const struct session_view *view, enum shm_leg from);

/* A session id as printed: 16 hex digits; up to 16 are taken. */
bool session_id_parse(const char *text, uint64_t *ret_id);

/* New reference, NULL without memory. */
json_t *session_view_json(const struct session_view *view, uint64_t gateway_ms);

#endif
