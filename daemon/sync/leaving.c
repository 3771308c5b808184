#include "daemon/sync/leaving.h"

#include "shm/slot.h"

#include <stdlib.h>

/* Slots looked at in a round. */
#define ROUND 64u

struct left_slot {
	uint32_t slot;
	uint32_t generation;
};

struct leaving {
	const struct shm *shm;
	uint32_t count;
	uint32_t at;		 /* the next one to look at */
	uint32_t looked;	 /* in this round */
	struct left_slot list[]; /* [slots] */
};

struct leaving *
leaving_create(const struct shm *shm)
{
	struct leaving *leaving =
	    calloc(1, sizeof(*leaving) + shm->slots * sizeof(leaving->list[0]));

	if (leaving != NULL)
		leaving->shm = shm;
	return leaving;
}

void
leaving_destroy(struct leaving *leaving)
{
	free(leaving);
}

void
leaving_clear(struct leaving *leaving)
{
	leaving->count = leaving->at = leaving->looked = 0;
}

void
leaving_add(struct leaving *leaving, uint32_t slot, uint32_t generation)
{
	/* Full only if somebody else's memory is damaged: the walk finds the slot as well. */
	if (leaving->count < leaving->shm->slots)
		leaving->list[leaving->count++] = (struct left_slot){slot, generation};
}

static bool
has_left(const struct leaving *leaving, const struct left_slot *left)
{
	const struct slot_custody *custody = shm_custody(leaving->shm, left->slot);

	return !slot_is_session(atomic_load_explicit(&custody->state, memory_order_acquire)) ||
	       atomic_load(&custody->generation) != left->generation;
}

bool
leaving_next(struct leaving *leaving, uint32_t *ret_slot)
{
	while (leaving->looked < ROUND && leaving->looked < leaving->count) {
		struct left_slot *left = &leaving->list[leaving->at % leaving->count];

		if (has_left(leaving, left)) {
			*ret_slot = left->slot;
			*left = leaving->list[--leaving->count];
			return true;
		}
		leaving->at = (leaving->at + 1) % leaving->count;
		leaving->looked++;
	}
	leaving->looked = 0;
	return false;
}
