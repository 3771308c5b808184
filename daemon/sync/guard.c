#include "daemon/sync/guard.h"

#include "shm/record.h"
#include "shm/slot.h"

#include <errno.h>
#include <stdlib.h>

int
guard_open(struct guard *guard, const struct shm *shm, struct gate_positions *table)
{
	*guard = (struct guard){.shm = shm, .table = table};
	if (table == NULL)
		return 0;
	guard->free_us = calloc(shm->slots, sizeof(*guard->free_us));
	return guard->free_us == NULL ? -ENOMEM : 0;
}

void
guard_close(struct guard *guard)
{
	free(guard->free_us);
	*guard = (struct guard){0};
}

void
guard_hold(const struct guard *guard)
{
	if (guard->table != NULL)
		gate_positions_pass_all(guard->table, false);
}

void
guard_alone(const struct guard *guard)
{
	if (guard->table != NULL)
		gate_positions_pass_all(guard->table, true);
}

static bool
is_served(const struct slot_custody *custody)
{
	uint32_t state = atomic_load_explicit(&custody->state, memory_order_acquire);

	return state == SLOT_OPENING || state == SLOT_OPEN || state == SLOT_ENDING;
}

void
guard_paired(const struct guard *guard)
{
	if (guard->table == NULL || !gate_positions_is_alone(guard->table))
		return;
	for (uint32_t slot = 0; slot < shm_slots_used(guard->shm); slot++) {
		if (!is_served(shm_custody(guard->shm, slot)))
			continue;
		for (unsigned leg = 0; leg < SHM_LEGS; leg++)
			gate_positions_pass(guard->table, slot, leg);
	}
	gate_positions_pass_all(guard->table, false);
}

/* A place may still say what was committed of this host's own session that was there before. */
void
guard_taken_over(const struct guard *guard)
{
	if (guard->table == NULL)
		return;
	for (uint32_t slot = 0; slot < shm_slots_used(guard->shm); slot++)
		if (is_served(shm_custody(guard->shm, slot)))
			gate_positions_clear(guard->table, slot);
}

static void
permit_end(const struct guard *guard, const struct slot_leg *leg, unsigned index,
    const struct follower_release *release)
{
	uint32_t end =
	    leg->tcp.send_sequence + (uint32_t)(release->output_end[index] - leg->base_written) + 1;

	if (release->ending[index] == ENDING_FIN)
		gate_positions_permit_end(guard->table, release->slot, index, GATE_END_BY_FIN, end);
	else if (release->ending[index] == ENDING_RESET)
		gate_positions_permit_end(guard->table, release->slot, index, GATE_END_BY_RST, 0);
}

/* Its parameters are written before its state. */
static bool
is_connected(const struct slot_leg *leg)
{
	uint32_t state = atomic_load_explicit(&leg->state, memory_order_acquire);

	return state != LEG_NONE && state != LEG_CONNECTING;
}

static void
leg_released(const struct guard *guard, const struct slot_leg *leg, unsigned index,
    const struct follower_release *release)
{
	uint32_t ack;

	/* What its peer says first waits for the release that knows of it. */
	if (!is_connected(leg))
		return;
	ack = leg->tcp.receive_sequence + (uint32_t)(release->stored[index] - leg->base_received) +
	      (release->end_seen[index] == ENDING_FIN);
	if (!leg->tcp.dumped) {
		gate_positions_pass(guard->table, release->slot, index);
		return;
	}
	permit_end(guard, leg, index, release);
	if (!gate_positions_commit(guard->table, release->slot, index, ack))
		gate_positions_protect(guard->table, release->slot, index, ack);
}

void
guard_released(const struct guard *guard, const struct follower_release *release)
{
	const struct slot_custody *custody;

	if (guard->table == NULL || release->slot >= guard->shm->slots)
		return;
	custody = shm_custody(guard->shm, release->slot);
	if (!is_served(custody) ||
	    atomic_load_explicit(&custody->generation, memory_order_acquire) != release->generation)
		return;
	for (unsigned index = 0; index < SHM_LEGS; index++)
		leg_released(guard, &custody->leg[index], index, release);
}

static void
sweep_one(struct guard *guard, uint64_t now_us, uint32_t slot)
{
	uint64_t *free_us = &guard->free_us[slot];
	uint64_t rest_us =
	    guard->resting > guard->shm->slots / 2 ? GUARD_SHORT_REST_US : GUARD_REST_US;
	bool rests = !is_served(shm_custody(guard->shm, slot)) &&
		     !gate_positions_is_clear(guard->table, slot);

	if (rests && *free_us == 0) {
		*free_us = now_us;
		guard->resting++;
	} else if (rests && now_us - *free_us >= rest_us) {
		gate_positions_clear(guard->table, slot);
		rests = false;
	}
	if (!rests && *free_us != 0) {
		*free_us = 0;
		guard->resting--;
	}
}

void
guard_sweep(struct guard *guard, uint64_t now_us, uint32_t first, uint32_t count)
{
	uint32_t end = shm_slots_used(guard->shm);

	if (guard->table == NULL)
		return;
	if (first < end && end - first > count)
		end = first + count;
	for (uint32_t slot = first; slot < end; slot++)
		sweep_one(guard, now_us, slot);
}
