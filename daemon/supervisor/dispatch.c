#include "daemon/supervisor/dispatch.h"

#include "daemon/supervisor/choice.h"
#include "daemon/supervisor/leg.h"
#include "daemon/supervisor/watch.h"
#include "shm/failpoint.h"
#include "shm/handover.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>

#define SLOT_ITEMS_MAX 3 /* CLIENT, SERVER, CLEAR */
#define PACKET_SWEEPS  (HANDOVER_BATCH / 2)

/* One packet in the making, and the slots that it settles. */
struct packet {
	struct handover_item item[HANDOVER_BATCH];
	int fd[HANDOVER_FDS];
	uint32_t slot[HANDOVER_BATCH];
	unsigned items;
	unsigned fds;
	unsigned carriers; /* items with descriptors */
	unsigned sweeps;
	unsigned slots;
};

void
dispatch_init(struct supervisor *supervisor)
{
	slot_list_init(&supervisor->unowned);
	for (uint32_t i = 0; i < SHM_WORKERS_MAX; i++)
		slot_list_init(&supervisor->worker[i].queue);
}

static struct slot_list *
queue_of(struct supervisor *supervisor, uint32_t slot)
{
	uint8_t worker = supervisor->custody.slot[slot].worker;

	return worker == CUSTODY_UNOWNED ? &supervisor->unowned : &supervisor->worker[worker].queue;
}

static void
unqueue(struct supervisor *supervisor, uint32_t slot)
{
	struct slot_link *links = supervisor->custody.queue_link;

	if (links[slot].linked)
		slot_list_remove(links, queue_of(supervisor, slot), slot);
}

static void
publish_sessions(struct supervisor *supervisor, uint32_t index)
{
	atomic_store_explicit(&shm_process(&supervisor->shm, index)->sessions,
	    supervisor->worker[index].sessions, memory_order_relaxed);
}

static void
set_owner(struct supervisor *supervisor, uint32_t slot, uint8_t index)
{
	struct custody_slot *private = &supervisor->custody.slot[slot];
	uint32_t word = PROCESS_OWNER_NONE;

	if (private->worker != CUSTODY_UNOWNED) {
		supervisor->worker[private->worker].sessions--;
		publish_sessions(supervisor, private->worker);
	}
	private->worker = index;
	if (index != CUSTODY_UNOWNED) {
		word = supervisor->worker[index].owner;
		supervisor->worker[index].sessions++;
		publish_sessions(supervisor, index);
	}
	atomic_store_explicit(
	    &shm_custody(&supervisor->shm, slot)->owner, word, memory_order_release);
}

void
dispatch_tell(struct supervisor *supervisor, uint32_t slot, uint8_t pending)
{
	struct slot_link *links = supervisor->custody.queue_link;

	supervisor->custody.slot[slot].pending |= pending;
	if (!links[slot].linked)
		slot_list_append(links, queue_of(supervisor, slot), slot);
}

void
dispatch_assign(struct supervisor *supervisor, uint32_t slot, uint8_t pending)
{
	set_owner(supervisor, slot, choice_any(supervisor));
	dispatch_tell(supervisor, slot, pending);
}

void
dispatch_restore(struct supervisor *supervisor, uint32_t slot, uint8_t index)
{
	set_owner(supervisor, slot, index);
}

void
dispatch_release(struct supervisor *supervisor, uint32_t slot)
{
	unqueue(supervisor, slot);
	supervisor->custody.slot[slot].pending = 0;
	set_owner(supervisor, slot, CUSTODY_UNOWNED);
}

void
dispatch_orphan(struct supervisor *supervisor, uint32_t slot)
{
	struct custody_slot *private = &supervisor->custody.slot[slot];
	uint8_t kept = private->pending & PENDING_CLEAR;

	private->died = private->worker;
	dispatch_release(supervisor, slot);
	/* Whatever it had still to be told is part of the adoption. */
	dispatch_tell(supervisor, slot, PENDING_ADOPT | kept);
}

static void
report_adopted(struct supervisor *supervisor, uint8_t died, uint32_t count[SHM_WORKERS_MAX])
{
	for (uint32_t i = 0; i < supervisor->workers; i++) {
		struct event event;

		if (count[i] == 0 || died == CUSTODY_UNOWNED)
			continue;
		event_init(&event, 109014, 0);
		event.number[0] = i;
		event.number[1] = count[i];
		event.number[2] = died;
		supervisor_event(supervisor, &event);
	}
	memset(count, 0, SHM_WORKERS_MAX * sizeof(*count));
}

void
dispatch_place(struct supervisor *supervisor)
{
	struct slot_link *links = supervisor->custody.queue_link;
	uint32_t count[SHM_WORKERS_MAX] = {0}, slot, next;
	uint8_t died = CUSTODY_UNOWNED;

	if (choice_any(supervisor) == CUSTODY_UNOWNED)
		return;
	for (slot = supervisor->unowned.first; slot != SHM_NO_SLOT; slot = next) {
		const struct custody_slot *private = &supervisor->custody.slot[slot];
		uint8_t index = choice_for(supervisor, slot);

		next = links[slot].next;
		if (index == CUSTODY_UNOWNED)
			continue;
		slot_list_remove(links, &supervisor->unowned, slot);
		if (private->died != died) {
			report_adopted(supervisor, died, count);
			died = private->died;
		}
		set_owner(supervisor, slot, index);
		dispatch_tell(supervisor, slot, 0);
		count[index]++;
	}
	report_adopted(supervisor, died, count);
}

static bool
is_ready(const struct supervisor *supervisor, uint32_t owner)
{
	for (uint32_t i = 0; i < supervisor->workers; i++)
		if (supervisor->worker[i].ready && supervisor->worker[i].owner == owner)
			return true;
	return false;
}

void
dispatch_sweep(struct supervisor *supervisor)
{
	uint8_t index = choice_any(supervisor);
	uint32_t known =
	    supervisor->deaths < SUPERVISOR_DEAD_MAX ? supervisor->deaths : SUPERVISOR_DEAD_MAX;

	if (index == CUSTODY_UNOWNED)
		return;
	for (uint32_t i = 0; i < known; i++) {
		struct dead_worker *dead = &supervisor->dead[i];
		struct worker *worker = &supervisor->worker[index];

		/* Again if who was told of it has died since: it may not have come to it. */
		if (is_ready(supervisor, dead->told) || worker->sweeps == SUPERVISOR_DEAD_MAX)
			continue;
		worker->sweep[worker->sweeps++] = dead->owner;
		dead->told = worker->owner;
	}
}

void
dispatch_drain(struct supervisor *supervisor)
{
	for (uint32_t i = 0; i < supervisor->workers; i++)
		supervisor->worker[i].drain_pending = true;
}

static struct handover_item *
packet_item(struct packet *packet, const struct custody *custody, uint32_t slot, uint16_t kind)
{
	struct handover_item *item = &packet->item[packet->items++];

	*item = (struct handover_item){
	    .kind = kind,
	    .slot = slot,
	    .generation = custody_generation(custody, slot),
	};
	return item;
}

static void
packet_leg(struct packet *packet, struct handover_item *item, const struct custody_slot *private,
    enum shm_leg leg)
{
	if (item->legs == 0)
		packet->carriers++;
	item->legs |= HANDOVER_LEG(leg);
	packet->fd[packet->fds++] = private->fd[leg];
}

/* Nobody has read or written a leg that was made for a takeover and that no worker has had: it stands where it was
 * made.  What has come since its adopter finds, as if it came then. */
static int
measure(const struct supervisor *supervisor, const struct handover_item *item, enum shm_leg leg,
    const struct record *record, struct leg_measure *ret_measure)
{
	const struct custody_slot *private = &supervisor->custody.slot[item->slot];
	const struct slot_leg *public = &shm_custody(&supervisor->shm, item->slot)->leg[leg];
	uint64_t output_end = public->base_written;

	if (record)
		output_end = record->outlet[leg].written + outlet_pending(&record->outlet[leg]);
	if (!(private->untouched & HANDOVER_LEG(leg)))
		return leg_measure(
		    private->fd[leg], public, leg == SHM_SERVER, output_end, ret_measure);
	*ret_measure = (struct leg_measure){
	    .consumed = public->base_received,
	    .written = public->base_written,
	    .tcp_state = TCP_ESTABLISHED,
	};
	return 0;
}

/* False: the leg does not hold still; later. */
static bool
adopt_leg(struct supervisor *supervisor, struct packet *packet, struct handover_item *item,
    enum shm_leg leg, const struct record *record)
{
	const struct custody_slot *private = &supervisor->custody.slot[item->slot];
	struct leg_measure measured;
	int r;

	item->tcp_state[leg] = TCP_CLOSE;
	if (private->fd[leg] < 0 ||
	    custody_leg_state(&supervisor->custody, item->slot, leg) != LEG_OPEN)
		return true;
	r = measure(supervisor, item, leg, record, &measured);
	if (r == -EAGAIN)
		return false;
	if (r < 0)
		return true;
	item->tcp_state[leg] = measured.tcp_state;
	item->consumed[leg] = measured.consumed;
	item->written[leg] = measured.written;
	packet_leg(packet, item, private, leg);
	return true;
}

static void
adopt_flags(struct supervisor *supervisor, struct handover_item *item)
{
	const struct slot_custody *public = shm_custody(&supervisor->shm, item->slot);

	switch (custody_leg_state(&supervisor->custody, item->slot, SHM_SERVER)) {
	case LEG_CONNECTING:
		item->flags |= HANDOVER_SERVER_PENDING;
		break;
	case LEG_FAILED:
		item->flags |= HANDOVER_SERVER_DEAD;
		item->error = public->leg[SHM_SERVER].error;
		break;
	default:
		break;
	}
	if (atomic_load_explicit(&public->marks, memory_order_relaxed) >= 2)
		item->flags |= HANDOVER_TO_END;
	/* Its end is never closed before its state says so, but by a supervisor's death. */
	if (supervisor->custody.slot[item->slot].fd[SHM_CLIENT] < 0 &&
	    custody_leg_state(&supervisor->custody, item->slot, SHM_CLIENT) == LEG_OPEN)
		item->flags |= HANDOVER_LOST;
}

/* False: nothing was added, because a leg does not hold still. A session that is FINISHED is
 * adopted too: its chunks are a worker's to wipe and return. */
static bool
add_adopt(struct supervisor *supervisor, struct packet *packet, uint32_t slot)
{
	const uint8_t both = HANDOVER_LEG(SHM_CLIENT) | HANDOVER_LEG(SHM_SERVER);
	unsigned fds = packet->fds, carriers = packet->carriers;
	struct handover_item *item;
	struct record record;
	bool known;

	item = packet_item(packet, &supervisor->custody, slot, HANDOVER_ADOPT);
	/* Where nothing is measured nothing is looked up. */
	known = supervisor->custody.slot[slot].untouched != both &&
		record_read(shm_session(&supervisor->shm, slot), item->generation, &record);
	for (int leg = 0; leg < SHM_LEGS; leg++) {
		if (!adopt_leg(
			supervisor, packet, item, (enum shm_leg)leg, known ? &record : NULL)) {
			packet->items--;
			packet->fds = fds;
			packet->carriers = carriers;
			return false;
		}
	}
	adopt_flags(supervisor, item);
	return true;
}

static void
add_news(struct supervisor *supervisor, struct packet *packet, uint32_t slot)
{
	const struct custody_slot *private = &supervisor->custody.slot[slot];
	struct handover_item *item;

	if (private->pending & PENDING_CLIENT) {
		item = packet_item(packet, &supervisor->custody, slot, HANDOVER_CLIENT);
		packet_leg(packet, item, private, SHM_CLIENT);
	}
	if (private->pending & PENDING_SERVER && private->fd[SHM_SERVER] >= 0) {
		item = packet_item(packet, &supervisor->custody, slot, HANDOVER_SERVER);
		packet_leg(packet, item, private, SHM_SERVER);
	}
	if (private->pending & PENDING_SERVER_FAILED) {
		item = packet_item(packet, &supervisor->custody, slot, HANDOVER_SERVER_FAILED);
		item->error = shm_custody(&supervisor->shm, slot)->leg[SHM_SERVER].error;
	}
}

static void
add_slot(struct supervisor *supervisor, struct packet *packet, uint32_t slot)
{
	const struct custody_slot *private = &supervisor->custody.slot[slot];

	if (!(private->pending & PENDING_ADOPT))
		add_news(supervisor, packet, slot);
	else if (!add_adopt(supervisor, packet, slot))
		return;
	if (private->pending & PENDING_CLEAR)
		packet_item(packet, &supervisor->custody, slot, HANDOVER_CLEAR);
	packet->slot[packet->slots++] = slot;
}

static void
add_orders(struct packet *packet, const struct worker *worker)
{
	for (; packet->sweeps < worker->sweeps && packet->sweeps < PACKET_SWEEPS; packet->sweeps++)
		packet->item[packet->items++] = (struct handover_item){
		    .kind = HANDOVER_SWEEP,
		    .slot = worker->sweep[packet->sweeps],
		};
	if (worker->drain_pending)
		packet->item[packet->items++] = (struct handover_item){.kind = HANDOVER_DRAIN};
}

static void
fill_packet(struct supervisor *supervisor, struct worker *worker, struct packet *packet)
{
	struct slot_link *links = supervisor->custody.queue_link;
	uint32_t next, slot = worker->queue.first;

	packet->items = packet->fds = packet->carriers = packet->sweeps = packet->slots = 0;
	add_orders(packet, worker);
	for (; slot != SHM_NO_SLOT && packet->items + SLOT_ITEMS_MAX <= HANDOVER_BATCH;
	     slot = next) {
		if (worker->under_way + packet->carriers + SHM_LEGS > HANDOVER_UNDER_WAY)
			break;
		next = links[slot].next;
		add_slot(supervisor, packet, slot);
	}
}

static void
packet_sent(struct supervisor *supervisor, struct worker *worker, const struct packet *packet)
{
	worker->sweeps -= packet->sweeps;
	memmove(worker->sweep, worker->sweep + packet->sweeps,
	    worker->sweeps * sizeof(worker->sweep[0]));
	worker->drain_pending = false;
	worker->under_way += packet->carriers;
	for (unsigned i = 0; i < packet->slots; i++) {
		supervisor->custody.slot[packet->slot[i]].pending = 0;
		supervisor->custody.slot[packet->slot[i]].untouched = 0;
		unqueue(supervisor, packet->slot[i]);
	}
}

/* EPOLLOUT is only asked for while the socket is full. */
static void
set_blocked(struct supervisor *supervisor, uint32_t index, bool blocked)
{
	struct worker *worker = &supervisor->worker[index];

	if (worker->blocked == blocked)
		return;
	worker->blocked = blocked;
	watch_change(supervisor->epoll, worker->socket, blocked ? EPOLLIN | EPOLLOUT : EPOLLIN,
	    (struct watch_note){.kind = WATCH_WORKER_SOCKET, .index = index});
}

static void
flush_worker(struct supervisor *supervisor, uint32_t index)
{
	struct worker *worker = &supervisor->worker[index];
	struct packet packet;
	int r;

	while (
	    worker->ready && (worker->queue.count > 0 || worker->sweeps || worker->drain_pending)) {
		fill_packet(supervisor, worker, &packet);
		if (packet.items == 0)
			return;
		r = handover_send(worker->socket, packet.item, packet.items, packet.fd, packet.fds);
		/* Any other error: the worker is dead, and everything is said again to another. */
		set_blocked(supervisor, index, r == -EAGAIN);
		if (r < 0)
			return;
		FAILPOINT(packet_sent);
		packet_sent(supervisor, worker, &packet);
	}
}

void
dispatch_flush(struct supervisor *supervisor)
{
	for (uint32_t i = 0; i < supervisor->workers; i++)
		flush_worker(supervisor, i);
}
