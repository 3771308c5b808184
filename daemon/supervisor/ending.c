#include "daemon/supervisor/ending.h"

#include "daemon/supervisor/dispatch.h"
#include "daemon/supervisor/leg.h"
#include "daemon/supervisor/leg_kernel.h"
#include "daemon/supervisor/watch.h"
#include "shm/failpoint.h"

#include <errno.h>

static void
leg_set_ended(struct supervisor *supervisor, uint32_t slot, enum shm_leg leg)
{
	if (custody_leg_state(&supervisor->custody, slot, leg) == LEG_CONNECTING) {
		custody_stop_timer(&supervisor->custody, slot);
		watch_remove(supervisor->epoll, supervisor->custody.slot[slot].fd[leg]);
	}
	atomic_store_explicit(
	    &shm_custody(&supervisor->shm, slot)->leg[leg].state, LEG_ENDED, memory_order_release);
	custody_close_leg(&supervisor->custody, slot, leg);
}

void
ending_reset_leg(
    struct supervisor *supervisor, uint32_t slot, enum shm_leg leg, const struct record *record)
{
	int fd = supervisor->custody.slot[slot].fd[leg];
	uint8_t ending = record->ending[leg];

	if (fd < 0 || (ending != ENDING_RESET && ending != ENDING_SILENT))
		return;
	/* Without CAP_NET_ADMIN silence cannot be had; the connection must end all the same. */
	if (custody_leg_state(&supervisor->custody, slot, leg) == LEG_OPEN &&
	    leg_end(fd, ending == ENDING_SILENT) == -EPERM)
		leg_end(fd, false);
	FAILPOINT(leg_reset);
	leg_set_ended(supervisor, slot, leg);
}

/* Both have ended, and both ends are acknowledged: only the kernel does not know of the peer's. */
static bool
is_over(const struct supervisor *supervisor, uint32_t slot, enum shm_leg leg)
{
	const struct custody *custody = &supervisor->custody;
	struct record record;
	struct tcp_info info;

	return shm_custody(&supervisor->shm, slot)->leg[leg].tcp.restored &&
	       leg_kernel_info(custody->slot[slot].fd[leg], &info) == 0 &&
	       info.tcpi_state == TCP_FIN_WAIT2 &&
	       record_read_any(shm_session(&supervisor->shm, slot),
		   custody_generation(custody, slot), &record) &&
	       record.end_seen[leg] == ENDING_FIN;
}

/* Closes the leg when nothing is waited for any more.  `read`: to its end, nothing is unread. */
static bool
leg_leave(struct supervisor *supervisor, uint32_t slot, enum shm_leg leg, bool late, bool read)
{
	int fd = supervisor->custody.slot[slot].fd[leg];

	if (fd < 0)
		return true;
	if (!late && !leg_is_settled(fd))
		return false;
	if (!read)
		leg_discard_input(fd);
	if (is_over(supervisor, slot, leg))
		leg_end(fd, true);
	leg_set_ended(supervisor, slot, leg);
	return true;
}

/* `record`: NULL when it is not at hand. */
static bool
slot_leave(struct supervisor *supervisor, uint32_t slot, bool late, const struct record *record)
{
	bool gone[SHM_LEGS];

	for (int leg = 0; leg < SHM_LEGS; leg++)
		gone[leg] = leg_leave(supervisor, slot, (enum shm_leg)leg, late,
		    record && record->end_seen[leg] == ENDING_FIN);
	if (!gone[SHM_CLIENT] || !gone[SHM_SERVER])
		return false;
	FAILPOINT(slot_closed);
	tally_leave(&supervisor->tally, slot);
	custody_free(&supervisor->custody, slot);
	return true;
}

static void
leg_begin(
    struct supervisor *supervisor, uint32_t slot, enum shm_leg leg, const struct record *record)
{
	ending_reset_leg(supervisor, slot, leg, record);
	if (supervisor->custody.slot[slot].fd[leg] < 0)
		return;
	/* What the worker was given it has ended by FIN; what it was not, close() does.  A peer that
	 * has reset its leg acknowledges nothing any more. */
	if (custody_leg_state(&supervisor->custody, slot, leg) != LEG_OPEN ||
	    record->end_seen[leg] == ENDING_RESET)
		leg_set_ended(supervisor, slot, leg);
}

void
ending_begin(struct supervisor *supervisor, uint32_t slot, const struct record *record)
{
	struct custody *custody = &supervisor->custody;

	/* The end is committed: nothing of it has to wait any more. */
	for (int leg = 0; leg < SHM_LEGS; leg++)
		custody_unmark(custody, slot, (enum shm_leg)leg);
	leg_begin(supervisor, slot, SHM_CLIENT, record);
	leg_begin(supervisor, slot, SHM_SERVER, record);
	custody_stop_timer(custody, slot);
	/* The worker lets its descriptors go now: only after the legs had their end. */
	custody_set_state(custody, slot, SLOT_ENDING);
	FAILPOINT(slot_ending);
	dispatch_release(supervisor, slot);
	tally_settle(&supervisor->tally, slot);
	if (slot_leave(supervisor, slot, false, record))
		return;
	custody->slot[slot].due_ms = supervisor->monotonic_ms + ENDING_WAIT_MS;
	slot_list_append(custody->timer_link, &custody->ending, slot);
}

/* At the tick 1, 2, 4, ... and then at every tenth: most peers acknowledge at once. */
static bool
is_turn(struct custody_slot *private)
{
	uint8_t n = ++private->end_waited;

	if (n >= 250)
	private->end_waited = 200;
	return (n & (n - 1)) == 0 || n % 10 == 0;
}

void
ending_tick(struct supervisor *supervisor)
{
	struct custody *custody = &supervisor->custody;
	uint32_t next;

	for (uint32_t slot = custody->ending.first; slot != SHM_NO_SLOT; slot = next) {
		bool late = custody->slot[slot].due_ms <= supervisor->monotonic_ms;

		next = custody->timer_link[slot].next;
		if (late || is_turn(&custody->slot[slot]))
			slot_leave(supervisor, slot, late, NULL);
	}
}
