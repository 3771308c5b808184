/*
 * region -- create, seal, map and find the parts of the five memfds
 *
 * shm_create() is the supervisor's; every other process gets the descriptors by inheritance and
 * calls shm_attach(), which maps each region with the rights of its role and checks the header.
 * Afterwards the accessors give typed pointers; an index out of range gives NULL.
 *
 * Errors: 0 or -errno (-EPROTO: a header that does not fit this build).
 * Mappings are MADV_DONTDUMP: they hold mail.
 */
#ifndef SHM_REGION_H
#define SHM_REGION_H

#include "shm/layout.h"

#include <stdbool.h>
#include <stddef.h>

enum shm_role { SHM_ROLE_SUPERVISOR, SHM_ROLE_MANAGER, SHM_ROLE_WORKER, SHM_ROLE_SYNC };

struct shm_plan {
	uint32_t slots;
	uint32_t chunks;
	uint32_t workers;
	uint64_t epoch;
};

/* Where the arrays begin in their regions, bytes. */
struct shm_offsets {
	uint64_t clock_floor, chunk_level, release, succession; /* control */
	uint64_t failpoint, class_usage, pair_view, pair_answer, door_view, pair_history, embryos;
	uint64_t peer_counters, takeover_view;
	uint64_t texts_peer, processes, custody;
	uint64_t policy, pair_request, texts_own; /* policy */
	uint64_t journals, sessions, spoken;	  /* sessions */
	uint64_t chunk_owners, chunk_data;
	uint64_t counters;	 /* counters */
	uint64_t closed, events; /* events */
};

struct shm {
	int fd[SHM_REGIONS]; /* -1 in the manager: shm_attach() has closed what it was given */
	uint8_t *base[SHM_REGIONS];
	uint64_t size[SHM_REGIONS];
	uint32_t slots;
	uint32_t chunks;
	uint32_t workers;
	struct shm_offsets at;
};

struct slot_custody;
struct slot_session;
struct process_entry;
struct counter_block;
struct event_ring;
struct closed_ring;
struct journal_ring;
struct policy_area;
struct failpoint_plan;
struct release_state;
struct succession;
struct class_usage;
struct pair_view;
struct pair_answer;
struct pair_request;
struct pair_texts_view;
struct door_view;
struct embryos;
struct peer_counters_view;
struct pair_history;
struct takeover_view;

/* Chooses slots and chunks so that all regions together stay below memory_max bytes. -ENOMEM with
 * *ret_plan untouched when not even one chunk for each four slots fits. */
int shm_plan_fit(
    uint64_t memory_max, uint32_t sessions_max, uint32_t workers, struct shm_plan *ret_plan);
uint64_t shm_plan_bytes(const struct shm_plan *plan);

/* -EINVAL: a plan beyond the limits of the layout. */
int shm_create(struct shm *shm, const struct shm_plan *plan);
/* On success the manager's descriptors are closed.  The supervisor hands them on, and a worker keeps
 * them for the supervisor that comes after this one's death.  On failure they stay the caller's. */
int shm_attach(struct shm *shm, const int fd[SHM_REGIONS], enum shm_role role);
void shm_detach(struct shm *shm);
/* Whether shm_attach() maps that region to be written. */
bool shm_role_writes(enum shm_role role, enum shm_region region);

struct process_entry *shm_process(const struct shm *shm, uint32_t worker);	  /* control */
struct slot_custody *shm_custody(const struct shm *shm, uint32_t slot);		  /* control */
struct class_usage *shm_class_usage(const struct shm *shm, uint32_t class_index); /* control */
struct failpoint_plan *shm_failpoint(const struct shm *shm);			  /* control */
_Atomic uint64_t *shm_clock_floor(const struct shm *shm);			  /* control, ms */
_Atomic uint64_t *shm_chunk_level(const struct shm *shm); /* control, shm/chunk.h */
struct release_state *shm_release(const struct shm *shm); /* control */
/* Slots [0, that) have been in use: whoever looks beyond claims memory that nobody has touched. */
uint32_t shm_slots_used(const struct shm *shm);
struct succession *shm_succession(const struct shm *shm);		  /* control */
struct pair_view *shm_pair_view(const struct shm *shm);			  /* control */
struct pair_answer *shm_pair_answer(const struct shm *shm);		  /* control */
struct door_view *shm_door_view(const struct shm *shm);			  /* control */
struct pair_history *shm_pair_history(const struct shm *shm);		  /* control */
struct embryos *shm_embryos(const struct shm *shm);			  /* control */
struct takeover_view *shm_takeover_view(const struct shm *shm);		  /* control */
struct slot_session *shm_session(const struct shm *shm, uint32_t slot);	  /* sessions */
struct journal_ring *shm_journal(const struct shm *shm, uint32_t worker); /* sessions */
_Atomic uint64_t *shm_spoken(const struct shm *shm);	   /* sessions, shm/spoken.h */
_Atomic uint32_t *shm_chunk_owners(const struct shm *shm); /* sessions, [chunks] */
uint8_t *shm_chunk(const struct shm *shm, uint32_t chunk); /* sessions */
struct counter_block *shm_counters(const struct shm *shm, uint32_t writer);
struct event_ring *shm_events(const struct shm *shm, uint32_t writer);
struct closed_ring *shm_closed(const struct shm *shm);
struct policy_area *shm_policy(const struct shm *shm);
struct pair_request *shm_pair_request(const struct shm *shm);	     /* policy */
struct pair_texts_view *shm_texts_own(const struct shm *shm);	     /* policy */
struct pair_texts_view *shm_texts_peer(const struct shm *shm);	     /* control */
struct peer_counters_view *shm_peer_counters(const struct shm *shm); /* control */

#endif
