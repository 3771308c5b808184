#include "daemon/supervisor/takeover_shelf.h"

#include "daemon/supervisor/dispatch.h"
#include "daemon/supervisor/leg.h"
#include "daemon/supervisor/leg_kernel.h"
#include "daemon/supervisor/leg_restore.h"
#include "daemon/supervisor/opening.h"
#include "daemon/supervisor/supervisor.h"
#include "daemon/supervisor/takeover_ask.h"
#include "daemon/supervisor/takeover_session.h"
#include "shm/failpoint.h"
#include "shm/handover.h"

#include <stdlib.h>
#include <unistd.h>

/* ---- putting, and taking away ---- */

static unsigned
living_shelves(struct supervisor *supervisor, struct shelf *shelves[SHM_WORKERS_MAX])
{
	unsigned count = 0;

	for (uint32_t i = 0; i < supervisor->workers; i++)
		if (process_is_running(&supervisor->worker[i].process) &&
		    supervisor->worker[i].legs.end[0] >= 0)
			shelves[count++] = &supervisor->worker[i].legs;
	return count;
}

/* Each of the shelves has every n-th session, both legs. */
static unsigned
gather(const struct supervisor *supervisor, unsigned first, unsigned step, int *fds)
{
	const struct takeover *takeover = &supervisor->takeover;
	unsigned count = 0;

	for (uint32_t i = first; i < takeover->sessions; i += step) {
		const struct custody_slot *private =
		    &supervisor->custody.slot[takeover->session[i].slot];

		for (int leg = 0; leg < SHM_LEGS; leg++)
			if (private->fd[leg] >= 0)
				fds[count++] = private->fd[leg];
	}
	return count;
}

void
takeover_shelf_put(struct supervisor *supervisor)
{
	struct takeover *takeover = &supervisor->takeover;
	struct shelf *shelves[SHM_WORKERS_MAX];
	unsigned count = living_shelves(supervisor, shelves);
	int *fds = calloc((size_t)takeover->sessions * SHM_LEGS + 1, sizeof(fds[0]));

	if (fds == NULL || count == 0) {
		free(fds);
		return;
	}
	for (unsigned i = 0; i < count; i++)
		shelf_put(shelves[i], fds, gather(supervisor, i, count, fds));
	free(fds);
	takeover->is_shelved = true;
	FAILPOINT(takeover_shelving);
}

void
takeover_shelf_mark(struct supervisor *supervisor)
{
	const struct takeover *takeover = &supervisor->takeover;

	if (takeover->is_shelved && takeover_is_under_way(supervisor))
		takeover_view_set_shelved(
		    shm_takeover_view(&supervisor->shm), takeover->status.epoch);
}

static void
empty(struct supervisor *supervisor)
{
	for (uint32_t i = 0; i < supervisor->workers; i++)
		shelf_empty(&supervisor->worker[i].legs);
	supervisor->takeover.is_shelved = false;
}

void
takeover_shelf_drop(struct supervisor *supervisor)
{
	takeover_view_set_shelved(shm_takeover_view(&supervisor->shm), 0);
	empty(supervisor);
}

/* Their sockets have what was queued; one that has not answered its greeting may have had less. */
static bool
workers_have_all(const struct supervisor *supervisor)
{
	if (supervisor->unowned.count > 0)
		return false;
	for (uint32_t i = 0; i < supervisor->workers; i++)
		if (supervisor->worker[i].silent || supervisor->worker[i].queue.count > 0)
			return false;
	return true;
}

void
takeover_shelf_look(struct supervisor *supervisor)
{
	struct takeover *takeover = &supervisor->takeover;

	if (!takeover->is_shelved || takeover_is_under_way(supervisor) ||
	    takeover->status.opened_us == 0 || !workers_have_all(supervisor))
		return;
	takeover_ask_note_done(supervisor);
	takeover_shelf_drop(supervisor);
}

bool
takeover_shelf_has(const struct supervisor *supervisor, uint64_t epoch)
{
	return takeover_view_shelved(shm_takeover_view(&supervisor->shm)) == epoch;
}

/* ---- what a dead supervisor has left there ---- */

/* A leg of a session that this process does not have. */
struct missing {
	uint64_t cookie;
	uint32_t slot;
	enum shm_leg leg;
};

struct search {
	struct supervisor *supervisor;
	struct missing *missing;
	size_t count;
};

static int
compare(const void *one, const void *two)
{
	const struct missing *a = one, *b = two;

	return a->cookie < b->cookie ? -1 : a->cookie > b->cookie;
}

static bool
misses(const struct supervisor *supervisor, uint32_t slot, enum shm_leg leg, uint8_t worker)
{
	const struct custody *custody = &supervisor->custody;

	return custody_is_with(custody, slot, worker) && custody->slot[slot].fd[leg] < 0 &&
	       custody_leg_state(custody, slot, leg) == LEG_OPEN &&
	       shm_custody(custody->shm, slot)->leg[leg].cookie != 0;
}

/* False: no memory. */
static bool
list_missing(struct search *search, uint8_t worker)
{
	struct supervisor *supervisor = search->supervisor;
	uint32_t used = shm_slots_used(&supervisor->shm);

	if (used > supervisor->custody.slots)
		used = supervisor->custody.slots;
	search->missing = calloc((size_t)used * SHM_LEGS + 1, sizeof(search->missing[0]));
	if (search->missing == NULL)
		return false;
	for (uint32_t slot = 0; slot < used; slot++)
		for (int leg = 0; leg < SHM_LEGS; leg++)
			if (misses(supervisor, slot, (enum shm_leg)leg, worker))
				search->missing[search->count++] = (struct missing){
				    shm_custody(&supervisor->shm, slot)->leg[leg].cookie, slot,
				    (enum shm_leg)leg};
	qsort(search->missing, search->count, sizeof(search->missing[0]), compare);
	return true;
}

/* NULL: it is none of them. */
static const struct missing *
find(const struct search *search, int fd)
{
	const struct missing key = {.cookie = leg_kernel_cookie(fd)};

	return key.cookie == 0 ? NULL
			       : bsearch(&key, search->missing, search->count,
				     sizeof(search->missing[0]), compare);
}

static void
take_found(void *owner, int fd)
{
	const struct search *search = owner;
	const struct missing *found = find(search, fd);

	/* A worker may have put it there twice. */
	if (found != NULL && search->supervisor->custody.slot[found->slot].fd[found->leg] < 0)
		custody_set_leg(&search->supervisor->custody, found->slot, found->leg, fd);
	else
		close(fd);
}

static void
end_found(void *owner, int fd)
{
	if (find(owner, fd) != NULL)
		leg_drop(fd);
	else
		close(fd);
}

static void
look_through(struct search *search, shelf_take *take)
{
	struct supervisor *supervisor = search->supervisor;

	for (uint32_t i = 0; i < supervisor->workers; i++)
		shelf_each(&supervisor->worker[i].legs, take, search);
}

bool
takeover_shelf_waits(const struct supervisor *supervisor)
{
	return supervisor->takeover.is_shelved;
}

/* An answer to the FIN would not be taken as long as that does not count as sent (leg_restore.h). */
static void
ask(struct supervisor *supervisor, uint32_t slot, enum shm_leg leg)
{
	int fd = supervisor->custody.slot[slot].fd[leg];

	if (fd < 0)
		return;
	leg_probe(fd);
	if (shm_custody(&supervisor->shm, slot)->ends & HANDOVER_LEG(leg))
		leg_restore_end(fd);
}

/* Nobody has heard of it: its peers wait. */
static void
hand_on(struct supervisor *supervisor, uint32_t slot)
{
	struct custody *custody = &supervisor->custody;

	for (int leg = 0; leg < SHM_LEGS; leg++)
		ask(supervisor, slot, (enum shm_leg)leg);
	shm_custody(&supervisor->shm, slot)->ends = 0;
	if (!takeover_is_connected(custody, slot))
		opening_again(supervisor, slot);
	dispatch_tell(supervisor, slot, PENDING_ADOPT);
}

/* The leg by which its worker would have begun: the server's if the client's was at its end. */
static enum shm_leg
first_leg(const struct custody *custody, uint32_t slot)
{
	return custody_leg_state(custody, slot, SHM_CLIENT) == LEG_OPEN ? SHM_CLIENT : SHM_SERVER;
}

bool
takeover_shelf_is_found(const struct supervisor *supervisor, uint32_t slot)
{
	const struct custody *custody = &supervisor->custody;

	return custody_is_with(custody, slot, CUSTODY_UNOWNED) &&
	       custody->slot[slot].fd[first_leg(custody, slot)] >= 0;
}

void
takeover_shelf_hand_on(struct supervisor *supervisor)
{
	for (uint32_t slot = 0; slot < supervisor->custody.most_used; slot++)
		if (takeover_shelf_is_found(supervisor, slot))
			hand_on(supervisor, slot);
	dispatch_place(supervisor);
}

/* A worker of which they are is not to go on with them until it is told so: they are nobody's. */
void
takeover_shelf_fetch(struct supervisor *supervisor, uint8_t worker)
{
	struct search search = {.supervisor = supervisor};

	if (!takeover_shelf_waits(supervisor) || takeover_is_under_way(supervisor) ||
	    !list_missing(&search, worker))
		return;
	if (search.count > 0)
		look_through(&search, take_found);
	for (size_t i = 0; i < search.count; i++) {
		const struct missing *missing = &search.missing[i];

		if (missing->leg == first_leg(&supervisor->custody, missing->slot) &&
		    supervisor->custody.slot[missing->slot].fd[missing->leg] >= 0)
			dispatch_release(supervisor, missing->slot);
	}
	free(search.missing);
	if (supervisor->takeover.status.opened_us != 0)
		takeover_shelf_hand_on(supervisor);
}

void
takeover_shelf_clear(struct supervisor *supervisor)
{
	struct search search = {.supervisor = supervisor};

	if (list_missing(&search, CUSTODY_UNOWNED))
		look_through(&search, end_found);
	free(search.missing);
	takeover_shelf_drop(supervisor);
}
