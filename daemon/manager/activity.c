#include "daemon/manager/activity.h"

#include "shm/counters.h"
#include "shm/slot.h"

#include <errno.h>
#include <stdlib.h>

int
activity_open(struct activity *activity, const struct shm *shm)
{
	*activity = (struct activity){.shm = shm};
	activity->slot = calloc(shm->slots, sizeof(*activity->slot));
	return activity->slot == NULL ? -ENOMEM : 0;
}

void
activity_close(struct activity *activity)
{
	free(activity->slot);
	activity->slot = NULL;
}

static void
look_at(const struct shm *shm, uint32_t index, struct activity_slot *slot, uint64_t now_ms)
{
	uint32_t generation = atomic_load(&shm_custody(shm, index)->generation);
	uint64_t published = atomic_load(&shm_session(shm, index)->published);

	if (slot->changed_ms != 0 && slot->generation == generation && slot->published == published)
		return;
	*slot = (struct activity_slot){generation, published, now_ms};
}

/* The gauge may have been written by anybody. */
static uint32_t
slots_of(const struct shm *shm, enum counter_id gauge)
{
	uint64_t slots = counter_total(shm, gauge);

	return slots < shm->slots ? (uint32_t)slots : shm->slots;
}

uint32_t
activity_in_use(const struct activity *activity)
{
	return slots_of(activity->shm, COUNTER_slots_in_use);
}

uint32_t
activity_most_used(const struct activity *activity)
{
	return slots_of(activity->shm, COUNTER_slots_most_used);
}

void
activity_look(struct activity *activity, uint64_t now_ms)
{
	uint32_t left = activity_in_use(activity);

	/* Not beyond the last one in use: a look at memory never touched before would claim it. */
	for (uint32_t i = 0; i < activity->shm->slots && left > 0; i++) {
		const struct slot_custody *custody = shm_custody(activity->shm, i);

		if (!slot_is_session(atomic_load_explicit(&custody->state, memory_order_relaxed)))
			continue;
		look_at(activity->shm, i, &activity->slot[i], now_ms);
		left--;
	}
}

uint64_t
activity_idle_ms(const struct activity *activity, uint32_t slot, uint64_t now_ms)
{
	const struct activity_slot *seen = &activity->slot[slot];

	return seen->changed_ms == 0 || now_ms < seen->changed_ms ? 0 : now_ms - seen->changed_ms;
}
