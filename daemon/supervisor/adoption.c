#include "daemon/supervisor/adoption.h"

#include "daemon/supervisor/dispatch.h"
#include "daemon/supervisor/leg.h"
#include "daemon/supervisor/quarantine.h"
#include "shm/failpoint.h"
#include "shm/journal.h"

#include <stdio.h>
#include <string.h>

uint32_t
adoption_mark(struct slot_custody *custody, uint32_t direction, uint64_t position)
{
	uint32_t marks = atomic_load_explicit(&custody->marks, memory_order_relaxed);

	if (marks == 0 || custody->mark_direction != direction ||
	    custody->mark_position != position)
		marks = 0;
	custody->mark_direction = direction;
	custody->mark_position = position;
	atomic_store_explicit(&custody->marks, marks + 1, memory_order_release);
	return marks + 1;
}

/* How much the dead worker has taken of the input in which it stepped. */
static uint64_t
input_end(const struct supervisor *supervisor, uint32_t slot)
{
	const struct slot_custody *custody = shm_custody(&supervisor->shm, slot);
	enum shm_leg leg = (enum shm_leg)custody->mark_direction;
	int fd = supervisor->custody.slot[slot].fd[leg];
	struct leg_measure measure;

	if (fd < 0 || leg_measure(fd, &custody->leg[leg], leg == SHM_SERVER, 0, &measure) < 0)
		return custody->mark_position;
	return measure.consumed;
}

static void
tell_not_kept(const struct supervisor *supervisor, uint32_t slot, int error)
{
	const char *why = strerror(error);
	struct event event;

	supervisor_event_init(supervisor, &event, 109036, slot);
	event_add_text(&event, why, strlen(why));
	supervisor_event(supervisor, &event);
}

static void
poison(struct supervisor *supervisor, uint32_t slot)
{
	struct event event;
	char name[QUARANTINE_NAME_SIZE];
	int length = quarantine_write(&supervisor->shm, supervisor->runtime.quarantine, slot,
	    input_end(supervisor, slot), name, sizeof(name));

	supervisor_event_init(supervisor, &event, 109012, slot);
	if (length < 0)
		snprintf(name, sizeof(name), "(none)");
	event_add_text(&event, name, strlen(name));
	supervisor_event(supervisor, &event);
	supervisor_count(
	    supervisor, length > 0 ? COUNTER_quarantine_files : COUNTER_quarantine_failed, 1);
	if (length < 0)
		tell_not_kept(supervisor, slot, -length);
}

/* The pulse is the dead worker's writing: bounds first, and only a session that was its own. */
static void
mark_step(struct supervisor *supervisor, uint32_t worker)
{
	const struct worker_pulse *pulse = &shm_journal(&supervisor->shm, worker)->pulse;
	uint32_t slot = atomic_load_explicit(&pulse->step_slot, memory_order_acquire);
	uint32_t direction = atomic_load_explicit(&pulse->step_direction, memory_order_relaxed);
	uint64_t position = atomic_load_explicit(&pulse->step_position, memory_order_relaxed);

	if (slot >= supervisor->custody.slots || direction >= SHM_LEGS ||
	    supervisor->custody.slot[slot].worker != worker)
		return;
	if (adoption_mark(shm_custody(&supervisor->shm, slot), direction, position) ==
	    ADOPTION_MARKS_MAX)
		poison(supervisor, slot);
}

uint32_t
adoption_take_over(
    struct supervisor *supervisor, uint32_t worker, const struct process_death *death)
{
	uint32_t count = 0;

	if (death->end == PROCESS_END_FAULT)
		mark_step(supervisor, worker);
	for (uint32_t slot = 0; slot < supervisor->custody.slots; slot++) {
		if (supervisor->custody.slot[slot].worker != worker)
			continue;
		dispatch_orphan(supervisor, slot);
		FAILPOINT(slot_orphaned);
		count++;
	}
	supervisor->dead[supervisor->deaths++ % SUPERVISOR_DEAD_MAX] = (struct dead_worker){
	    .owner = supervisor->worker[worker].owner,
	    .told = PROCESS_OWNER_NONE,
	};
	return count;
}
