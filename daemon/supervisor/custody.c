#include "daemon/supervisor/custody.h"

#include "daemon/supervisor/leg.h"

#include "shm/process.h"
#include "shm/succession.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define SESSION_COUNTER_BITS 40
#define SESSION_COUNTER_MASK ((UINT64_C(1) << SESSION_COUNTER_BITS) - 1)

/* A standby accepts next to nobody: it need not find the last slot that is no replica. */
#define TAKE_TRIES 64u

static const struct custody_slot empty_slot = {
    .fd = {-1, -1},
    .worker = CUSTODY_UNOWNED,
    .died = CUSTODY_UNOWNED,
};

static int
draw_id_prefix(uint64_t *ret_prefix)
{
	uint32_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -errno;
	*ret_prefix = (uint64_t)(random & 0xffffffu) << SESSION_COUNTER_BITS;
	return 0;
}

int
custody_init(struct custody *custody, const struct shm *shm, uint32_t sessions_max)
{
	uint32_t slots = sessions_max < shm->slots ? sessions_max : shm->slots;
	int r;

	*custody = (struct custody){.shm = shm, .slots = slots};
	slot_list_init(&custody->free);
	slot_list_init(&custody->cooling);
	slot_list_init(&custody->connecting);
	slot_list_init(&custody->ending);
	r = draw_id_prefix(&custody->id_prefix);
	if (r < 0)
		return r;
	custody->slot = calloc(slots, sizeof(*custody->slot));
	custody->queue_link = calloc(slots, sizeof(*custody->queue_link));
	custody->timer_link = calloc(slots, sizeof(*custody->timer_link));
	if (!custody->slot || !custody->queue_link || !custody->timer_link) {
		custody_fini(custody);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < slots; i++) {
		custody->slot[i] = empty_slot;
		slot_list_append(custody->queue_link, &custody->free, i);
	}
	return 0;
}

static bool
rests(const struct custody *custody, uint32_t slot)
{
	return custody->places != NULL && !gate_positions_is_clear(custody->places, slot);
}

static void
cool(struct custody *custody, uint32_t slot)
{
	custody->slot[slot].cools = true;
	slot_list_append(custody->queue_link, &custody->cooling, slot);
}

void
custody_restore(struct custody *custody)
{
	const struct succession *succession = shm_succession(custody->shm);
	uint64_t id = atomic_load(&succession->session_id);

	custody->most_used = shm_slots_used(custody->shm);
	for (uint32_t slot = 0; slot < custody->most_used; slot++) {
		enum slot_state state = custody_state(custody, slot);

		/* Nobody but the dead one knew of it. */
		if (state == SLOT_TAKEN)
			custody_set_state(custody, slot, SLOT_FREE);
		if (slot_is_session(state)) {
			slot_list_remove(custody->queue_link, &custody->free, slot);
			custody->in_use++;
		} else if (rests(custody, slot)) {
			slot_list_remove(custody->queue_link, &custody->free, slot);
			cool(custody, slot);
		}
	}
	if (id == 0)
		return;
	custody->id_counter = id & SESSION_COUNTER_MASK;
	custody->id_prefix = id & ~SESSION_COUNTER_MASK;
}

void
custody_fini(struct custody *custody)
{
	for (uint32_t i = 0; custody->slot && i < custody->slots; i++) {
		custody_close_leg(custody, i, SHM_CLIENT);
		custody_close_leg(custody, i, SHM_SERVER);
	}
	free(custody->slot);
	free(custody->queue_link);
	free(custody->timer_link);
	custody->slot = NULL;
	custody->queue_link = NULL;
	custody->timer_link = NULL;
	custody->slots = 0;
}

static void
leg_clear(struct slot_leg *leg)
{
	memset(leg, 0, sizeof(*leg));
	atomic_store_explicit(&leg->state, LEG_NONE, memory_order_relaxed);
}

static uint64_t
next_id(struct custody *custody)
{
	uint64_t id = custody->id_prefix | ++custody->id_counter;

	atomic_store_explicit(&shm_succession(custody->shm)->session_id, id, memory_order_relaxed);
	return id;
}

/* A slot is used for the first time only when all before it are in use, or replicas: as many as were
 * in use at once have been touched, and exactly the first ones. */
static void
note_used(struct custody *custody, uint32_t slot)
{
	if (slot < custody->most_used)
		return;
	custody->most_used = slot + 1;
	atomic_store_explicit(
	    &shm_succession(custody->shm)->touched, custody->most_used, memory_order_relaxed);
}

static bool
is_ours_now(struct custody *custody, uint32_t slot)
{
	uint32_t expected = SLOT_FREE;

	return atomic_compare_exchange_strong_explicit(&shm_custody(custody->shm, slot)->state,
	    &expected, SLOT_TAKEN, memory_order_acquire, memory_order_relaxed);
}

/* They are cleared in about the order in which they became free. */
static void
take_cooled(struct custody *custody)
{
	while (custody->cooling.count > 0 && !rests(custody, custody->cooling.first)) {
		uint32_t slot = slot_list_take(custody->queue_link, &custody->cooling);

		custody->slot[slot].cools = false;
		slot_list_push(custody->queue_link, &custody->free, slot);
	}
}

/* Where a replica lies the slot stays in the list, but behind the others. */
static uint32_t
take_free(struct custody *custody)
{
	take_cooled(custody);
	for (uint32_t tries = 0; tries < TAKE_TRIES; tries++) {
		uint32_t slot = slot_list_take(custody->queue_link, &custody->free);

		if (slot == SHM_NO_SLOT || is_ours_now(custody, slot))
			return slot;
		slot_list_append(custody->queue_link, &custody->free, slot);
	}
	return SHM_NO_SLOT;
}

/* Above all that the slot's sessions had, on either host. */
static void
raise_generation(struct slot_custody *public)
{
	uint32_t last = atomic_load_explicit(&public->generation, memory_order_relaxed);

	if (last < public->generation_before)
		last = public->generation_before;
	atomic_store_explicit(&public->generation, last + 1, memory_order_relaxed);
}

uint32_t
custody_take(struct custody *custody)
{
	uint32_t slot = take_free(custody);
	struct slot_custody *public;

	if (slot == SHM_NO_SLOT)
		return SHM_NO_SLOT;
	public = shm_custody(custody->shm, slot);
	custody->slot[slot] = empty_slot;
	atomic_store_explicit(&public->owner, PROCESS_OWNER_NONE, memory_order_relaxed);
	raise_generation(public);
	public->session_id = next_id(custody);
	public->mark_position = 0;
	public->mark_direction = 0;
	atomic_store_explicit(&public->marks, 0, memory_order_relaxed);
	leg_clear(&public->leg[SHM_CLIENT]);
	leg_clear(&public->leg[SHM_SERVER]);
	custody->in_use++;
	note_used(custody, slot);
	return slot;
}

bool
custody_is_full(struct custody *custody)
{
	take_cooled(custody);
	return custody->free.count == 0;
}

bool
custody_take_replica(struct custody *custody, uint32_t slot)
{
	uint32_t expected = SLOT_REPLICA;

	if (slot >= custody->slots ||
	    !atomic_compare_exchange_strong_explicit(&shm_custody(custody->shm, slot)->state,
		&expected, SLOT_TAKEN, memory_order_acquire, memory_order_relaxed))
		return false;
	slot_list_remove(custody->queue_link,
	    custody->slot[slot].cools ? &custody->cooling : &custody->free, slot);
	custody->slot[slot] = empty_slot;
	custody->in_use++;
	note_used(custody, slot);
	return true;
}

void
custody_set_state(struct custody *custody, uint32_t slot, enum slot_state state)
{
	atomic_store_explicit(&shm_custody(custody->shm, slot)->state, state, memory_order_release);
}

void
custody_set_leg(struct custody *custody, uint32_t slot, enum shm_leg leg, int fd)
{
	custody->slot[slot].fd[leg] = fd;
	custody->descriptors++;
}

void
custody_unmark(const struct custody *custody, uint32_t slot, enum shm_leg leg)
{
	const uint32_t mark = MARK_FREE;

	if (custody->places != NULL && custody->slot[slot].fd[leg] >= 0)
		setsockopt(custody->slot[slot].fd[leg], SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
}

void
custody_close_leg(struct custody *custody, uint32_t slot, enum shm_leg leg)
{
	int *fd = &custody->slot[slot].fd[leg];

	if (*fd < 0)
		return;
	custody_unmark(custody, slot, leg);
	close(*fd);
	*fd = -1;
	custody->descriptors--;
}

void
custody_stop_timer(struct custody *custody, uint32_t slot)
{
	struct slot_list *list =
	    custody_state(custody, slot) == SLOT_ENDING ? &custody->ending : &custody->connecting;

	if (custody->timer_link[slot].linked)
		slot_list_remove(custody->timer_link, list, slot);
}

static void
leave(struct custody *custody, uint32_t slot, enum slot_state state)
{
	custody_stop_timer(custody, slot);
	custody_close_leg(custody, slot, SHM_CLIENT);
	custody_close_leg(custody, slot, SHM_SERVER);
	custody_set_state(custody, slot, state);
	/* Last in, first out: the pages of this slot are still warm. */
	if (custody->places != NULL)
		cool(custody, slot);
	else
		slot_list_push(custody->queue_link, &custody->free, slot);
	custody->in_use--;
}

void
custody_free(struct custody *custody, uint32_t slot)
{
	leave(custody, slot, SLOT_FREE);
}

void
custody_give_replica(struct custody *custody, uint32_t slot)
{
	struct slot_custody *public = shm_custody(custody->shm, slot);

	public->generation_before = custody_generation(custody, slot);
	leave(custody, slot, SLOT_REPLICA);
}

uint32_t
custody_generation(const struct custody *custody, uint32_t slot)
{
	return atomic_load_explicit(
	    &shm_custody(custody->shm, slot)->generation, memory_order_relaxed);
}

enum slot_state
custody_state(const struct custody *custody, uint32_t slot)
{
	return atomic_load_explicit(&shm_custody(custody->shm, slot)->state, memory_order_relaxed);
}

enum leg_state
custody_leg_state(const struct custody *custody, uint32_t slot, enum shm_leg leg)
{
	return atomic_load_explicit(
	    &shm_custody(custody->shm, slot)->leg[leg].state, memory_order_relaxed);
}

bool
custody_holds(const struct custody *custody, uint32_t slot, uint32_t generation)
{
	return slot < custody->slots && slot_is_session(custody_state(custody, slot)) &&
	       custody_generation(custody, slot) == generation;
}

bool
custody_is_with(const struct custody *custody, uint32_t slot, uint8_t worker)
{
	enum slot_state state = custody_state(custody, slot);

	return (state == SLOT_OPENING || state == SLOT_OPEN) &&
	       custody->slot[slot].worker == worker &&
	       (custody->slot[slot].pending & PENDING_ADOPT) == 0;
}

uint32_t
custody_find(const struct custody *custody, uint64_t session_id)
{
	for (uint32_t i = 0; i < custody->slots; i++) {
		if (slot_is_session(custody_state(custody, i)) &&
		    shm_custody(custody->shm, i)->session_id == session_id)
			return i;
	}
	return SHM_NO_SLOT;
}

void
custody_measure(struct custody *custody)
{
	for (uint32_t slot = 0; slot < custody->most_used; slot++) {
		struct slot_custody *public = shm_custody(custody->shm, slot);

		for (int leg = 0; leg < SHM_LEGS; leg++) {
			int fd = custody->slot[slot].fd[leg];
			uint64_t accepted;

			if (fd >= 0 && leg_accepted(fd, &public->leg[leg], &accepted) == 0)
				atomic_store_explicit(
				    &public->leg[leg].accepted, accepted, memory_order_relaxed);
		}
	}
}
