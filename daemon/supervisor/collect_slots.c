#include "daemon/supervisor/collect_slots.h"

#include "daemon/supervisor/dispatch.h"
#include "daemon/supervisor/leg_kernel.h"
#include "daemon/supervisor/opening.h"
#include "daemon/supervisor/takeover_shelf.h"
#include "shm/chunk.h"
#include "shm/handover.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <unistd.h>

/* A leg that a worker may hold and this process does not have. */
struct wanted {
	uint64_t cookie;
	uint32_t slot;
	enum shm_leg leg;
};

static uint32_t
worker_of(const struct supervisor *supervisor, uint32_t owner)
{
	for (uint32_t i = 0; i < supervisor->workers; i++)
		if (process_is_running(&supervisor->worker[i].process) &&
		    supervisor->worker[i].owner == owner)
			return i;
	return CUSTODY_UNOWNED;
}

/* No worker has ever written anything of this session. */
static bool
was_never_begun(const struct supervisor *supervisor, uint32_t slot)
{
	return atomic_load(&shm_session(&supervisor->shm, slot)->generation) !=
	       custody_generation(&supervisor->custody, slot);
}

static void
lose(struct supervisor *supervisor, uint32_t slot)
{
	dispatch_release(supervisor, slot);
	custody_close_leg(&supervisor->custody, slot, SHM_SERVER);
	if (!was_never_begun(supervisor, slot)) {
		dispatch_tell(supervisor, slot, PENDING_ADOPT);
		return;
	}
	supervisor_count(supervisor, COUNTER_sessions_lost, 1);
	tally_leave(&supervisor->tally, slot);
	custody_free(&supervisor->custody, slot);
}

static void
restore_slot(struct supervisor *supervisor, uint32_t slot)
{
	uint32_t owner = atomic_load(&shm_custody(&supervisor->shm, slot)->owner);
	uint32_t worker = worker_of(supervisor, owner);

	switch (custody_state(&supervisor->custody, slot)) {
	case SLOT_FREE:
	case SLOT_TAKEN:
	case SLOT_REPLICA:
		break;
	case SLOT_ENDING:
		custody_free(&supervisor->custody, slot);
		break;
	default:
		if (worker != CUSTODY_UNOWNED)
			dispatch_restore(supervisor, slot, (uint8_t)worker);
		else if (!takeover_shelf_waits(supervisor))
			lose(supervisor, slot);
		break;
	}
}

static bool
is_noted_dead(const struct supervisor *supervisor, uint32_t owner)
{
	for (uint32_t i = 0; i < supervisor->deaths && i < SUPERVISOR_DEAD_MAX; i++)
		if (supervisor->dead[i].owner == owner)
			return true;
	return false;
}

/* Chunks in the cache of a worker that is not here any more. */
static void
note_dead_caches(struct supervisor *supervisor)
{
	const _Atomic uint32_t *owners = shm_chunk_owners(&supervisor->shm);

	for (uint32_t i = 0; i < supervisor->shm.chunks; i++) {
		uint32_t word = atomic_load_explicit(&owners[i], memory_order_relaxed);
		uint32_t owner = word & ~CHUNK_CACHED;

		if ((word & CHUNK_CACHED) && PROCESS_INDEX(owner) < SHM_WORKERS_MAX &&
		    worker_of(supervisor, owner) == CUSTODY_UNOWNED &&
		    !is_noted_dead(supervisor, owner))
			supervisor->dead[supervisor->deaths++ % SUPERVISOR_DEAD_MAX] =
			    (struct dead_worker){.owner = owner, .told = PROCESS_OWNER_NONE};
	}
}

void
collect_slots(struct supervisor *supervisor)
{
	takeover_collect(supervisor);
	custody_restore(&supervisor->custody);
	for (uint32_t slot = 0; slot < supervisor->custody.most_used; slot++)
		restore_slot(supervisor, slot);
	note_dead_caches(supervisor);
}

void
collect_slots_unowned(struct supervisor *supervisor)
{
	if (!takeover_shelf_waits(supervisor))
		return;
	takeover_shelf_fetch(supervisor, CUSTODY_UNOWNED);
	for (uint32_t slot = 0; slot < supervisor->custody.most_used; slot++)
		if (custody_is_with(&supervisor->custody, slot, CUSTODY_UNOWNED) &&
		    !takeover_shelf_is_found(supervisor, slot))
			lose(supervisor, slot);
}

static bool
is_wanted(const struct supervisor *supervisor, uint32_t index, uint32_t slot, enum shm_leg leg)
{
	const struct custody_slot *private = &supervisor->custody.slot[slot];

	return private->worker == index && private->fd[leg] < 0 &&
	       slot_is_session(custody_state(&supervisor->custody, slot)) &&
	       custody_leg_state(&supervisor->custody, slot, leg) == LEG_OPEN;
}

/* Takes the descriptor, or closes it if it is not that leg. */
static bool
take_leg(struct supervisor *supervisor, uint32_t slot, enum shm_leg leg, int fd)
{
	uint64_t cookie = leg_kernel_cookie(fd);

	if (cookie == 0 || cookie != shm_custody(&supervisor->shm, slot)->leg[leg].cookie) {
		close(fd);
		return false;
	}
	custody_set_leg(&supervisor->custody, slot, leg, fd);
	return true;
}

/* At the number that the slot names. */
static bool
take_by_number(struct supervisor *supervisor, uint32_t index, uint32_t slot, enum shm_leg leg)
{
	int number = atomic_load(&shm_session(&supervisor->shm, slot)->descriptor[leg]);
	int fd = number < 0 ? -1 : pidfd_getfd(supervisor->worker[index].process.pidfd, number, 0);

	return fd >= 0 && take_leg(supervisor, slot, leg, fd);
}

static void
take_if_wanted(struct supervisor *supervisor, uint32_t index, const struct wanted *wanted,
    size_t count, int number)
{
	int fd = pidfd_getfd(supervisor->worker[index].process.pidfd, number, 0);
	uint64_t cookie = fd < 0 ? 0 : leg_kernel_cookie(fd);

	/* Tens of thousands are looked for among tens of thousands: nothing is asked of the kernel here. */
	for (size_t i = 0; cookie != 0 && i < count; i++) {
		if (wanted[i].cookie == cookie &&
		    is_wanted(supervisor, index, wanted[i].slot, wanted[i].leg)) {
			custody_set_leg(&supervisor->custody, wanted[i].slot, wanted[i].leg, fd);
			return;
		}
	}
	if (fd >= 0)
		close(fd);
}

/* Among all that the worker has: it may have been stopped, or has died, between a hand-over and the
 * word about it. */
static void
take_by_search(
    struct supervisor *supervisor, uint32_t index, const struct wanted *wanted, size_t count)
{
	char path[32];
	const struct dirent *entry;
	DIR *directory;

	snprintf(path, sizeof(path), "/proc/%d/fd", supervisor->worker[index].process.pid);
	directory = opendir(path);
	if (!directory)
		return;
	while ((entry = readdir(directory)))
		if (entry->d_name[0] != '.')
			take_if_wanted(
			    supervisor, index, wanted, count, (int)strtol(entry->d_name, NULL, 10));
	closedir(directory);
}

void
collect_slots_sockets(struct supervisor *supervisor, uint32_t index)
{
	uint32_t used = supervisor->custody.most_used;
	struct wanted *wanted = calloc((size_t)used * SHM_LEGS + 1, sizeof(*wanted));
	size_t count = 0;

	for (uint32_t slot = 0; slot < used; slot++) {
		for (int leg = 0; leg < SHM_LEGS; leg++) {
			enum shm_leg which = (enum shm_leg)leg;

			if (!is_wanted(supervisor, index, slot, which) ||
			    take_by_number(supervisor, index, slot, which) || !wanted)
				continue;
			wanted[count++] = (struct wanted){
			    .cookie = shm_custody(&supervisor->shm, slot)->leg[leg].cookie,
			    .slot = slot,
			    .leg = which,
			};
		}
	}
	if (count > 0 && process_is_running(&supervisor->worker[index].process))
		take_by_search(supervisor, index, wanted, count);
	free(wanted);
}

static void
take_unread(
    struct supervisor *supervisor, uint32_t index, const struct handover_item *item, const int *fds)
{
	unsigned next = 0, own = handover_item_fds(item);

	for (int leg = 0; leg < SHM_LEGS && next < own; leg++) {
		if (!(item->legs & HANDOVER_LEG(leg)))
			continue;
		if (custody_holds(&supervisor->custody, item->slot, item->generation) &&
		    is_wanted(supervisor, index, item->slot, (enum shm_leg)leg))
			take_leg(supervisor, item->slot, (enum shm_leg)leg, fds[next++]);
		else
			close(fds[next++]);
	}
	while (next < own)
		close(fds[next++]);
}

void
collect_slots_unread(struct supervisor *supervisor, uint32_t index)
{
	struct handover_item item[HANDOVER_BATCH];
	int fd[HANDOVER_FDS], count;
	unsigned fds;

	while ((count = handover_receive(supervisor->worker[index].twin, item, fd, &fds)) > 0) {
		const int *next = fd;

		for (int i = 0; i < count; i++) {
			take_unread(supervisor, index, &item[i], next);
			next += handover_item_fds(&item[i]);
		}
	}
}

static void
settle(struct supervisor *supervisor, uint32_t slot)
{
	struct custody *custody = &supervisor->custody;

	if (custody->slot[slot].fd[SHM_CLIENT] < 0 &&
	    custody_leg_state(custody, slot, SHM_CLIENT) == LEG_OPEN) {
		lose(supervisor, slot);
		return;
	}
	switch (custody_leg_state(custody, slot, SHM_SERVER)) {
	case LEG_FAILED:
		dispatch_tell(supervisor, slot, PENDING_SERVER_FAILED);
		custody_set_state(custody, slot, SLOT_OPEN);
		break;
	case LEG_OPEN:
		if (custody->slot[slot].fd[SHM_SERVER] >= 0)
			custody_set_state(custody, slot, SLOT_OPEN);
		else
			opening_again(supervisor, slot);
		break;
	case LEG_NONE:
	case LEG_CONNECTING:
		opening_again(supervisor, slot);
		break;
	case LEG_ENDED:
		break;
	}
}

void
collect_slots_settle(struct supervisor *supervisor, uint32_t index)
{
	takeover_shelf_fetch(supervisor, (uint8_t)index);
	for (uint32_t slot = 0; slot < supervisor->custody.most_used; slot++)
		if (custody_is_with(&supervisor->custody, slot, (uint8_t)index))
			settle(supervisor, slot);
}
