#include "tests/sim/host.h"

#include "tests/sim/check.h"
#include "tests/sim/flow.h"
#include "tests/sim/world.h"

#include "daemon/sync/role_words.h"
#include "shm/journal.h"
#include "shm/process.h"
#include "shm/release.h"
#include "shm/slot.h"
#include "shm/succession.h"

#include <stdio.h>
#include <string.h>

#define RESTORE_US (30u * SIM_MS)
#define AGAIN_US   (100u * SIM_MS)
#define REQUEST_US 300u

/* By nobody who is there. */
#define CHUNK_WITHHELD (CHUNK_CACHED | 0x7fffffffu)

static void
put(struct world *world, const struct host *host, enum sim_event kind, uint64_t in_us,
    uint64_t number)
{
	struct due event = {.kind = kind, .host = host->at, .number = number, .tag = host->life};

	sim_put(world, in_us, &event);
}

/* ---- memory ---- */

static void
slot_clear(struct host *host, uint32_t slot)
{
	struct slot_custody *custody = shm_custody(&host->shm, slot);
	struct slot_session *session = shm_session(&host->shm, slot);

	memset(custody, 0, sizeof(*custody));
	memset(session, 0, sizeof(*session));
	custody->owner = PROCESS_OWNER_NONE;
}

/* As a host that has just been switched on finds it. */
static void
memory_clear(struct host *host, uint32_t chunks)
{
	_Atomic uint32_t *owners = shm_chunk_owners(&host->shm);

	for (uint32_t slot = 0; slot < SIM_FLOWS; slot++)
		slot_clear(host, slot);
	for (uint32_t chunk = 0; chunk < host->shm.chunks; chunk++)
		owners[chunk] = chunk < chunks ? CHUNK_FREE : CHUNK_WITHHELD;
	memset(host->kernel, 0, sizeof(host->kernel));
	memset(host->place, 0, sizeof(host->place));
	shm_journal(&host->shm, 0)->head = 0;
	memset(shm_release(&host->shm), 0, sizeof(struct release_state));
	release_set(shm_release(&host->shm), RELEASE_HELD);
	host->worker = (struct sim_worker){.owner = PROCESS_OWNER_NONE};
	memset(shm_succession(&host->shm), 0, sizeof(struct succession));
	shm_succession(&host->shm)->touched = SIM_FLOWS;
	memset(shm_pair_view(&host->shm), 0, sizeof(struct pair_view));
	host->door = host->work_is_put = false;
	host->word = ROLE_INPUTS;
	host->asked = 0;
}

void
host_make(struct world *world, struct host *host, uint32_t at)
{
	static const struct shm_plan plan = {
	    .slots = SIM_FLOWS, .chunks = SIM_CHUNKS, .workers = SIM_WORKERS};

	host->at = at;
	host->gate = (struct gate_positions){.place = host->place, .slots = SIM_FLOWS};
	check(world, host->shm.base[0] != NULL || shm_create(&host->shm, &plan) == 0,
	    "shared memory cannot be made");
	host->life = host->serial = 0;
	host->disk = (struct epoch){0};
	host->sync.life = 0;
	host->paused_until_us = 0;
}

void
host_start(struct world *world, struct host *host)
{
	host->life++;
	host->is_powered = true;
	host->is_killed = false;
	memory_clear(host, world->is_healed ? SIM_CHUNKS : world->plan.chunks[host->at]);
	worker_start(world, host);
	host_sync_start(world, host);
	put(world, host, EVENT_KERNEL_AGAIN, AGAIN_US, 0);
}

void
host_end(struct world *world, struct host *host)
{
	host_sync_end(world, host);
}

void
host_tell(const struct host *host)
{
	printf("host %u: %s%s, epoch %llu, door %s, word %u, connected %s\n", host->at,
	    host->is_powered ? "" : "without power, ",
	    host->sync.is_alive ? role_state_word(host->sync.sync->role.state) : "no sync",
	    (unsigned long long)host_epoch(host), host->door ? "open" : "shut",
	    (unsigned)host->word,
	    host->sync.is_alive && channel_state(host->sync.sync->channel) == CHANNEL_TALKING
		? "yes"
		: "no");
	for (uint32_t slot = 0; slot < SIM_FLOWS; slot++) {
		const struct slot_custody *custody = shm_custody(&host->shm, slot);
		const struct kernel_session *kernel = &host->kernel[slot];
		const struct sock *c = &kernel->sock[0], *s = &kernel->sock[1];

		printf("  slot %u: state %u, generation %u, connection %llu, socket %u; client "
		       "%llu/%llu/%llu/%llu%s%s%s, server %llu/%llu/%llu/%llu%s%s%s\n",
		    slot, custody->state, custody->generation,
		    (unsigned long long)custody->session_id, kernel->exists ? kernel->number : 0,
		    (unsigned long long)c->received, (unsigned long long)c->consumed,
		    (unsigned long long)c->written, (unsigned long long)c->acked,
		    c->fin_received ? " fin" : "", c->fin_written ? " ended" : "",
		    c->fin_acked ? " acked" : "", (unsigned long long)s->received,
		    (unsigned long long)s->consumed, (unsigned long long)s->written,
		    (unsigned long long)s->acked, s->fin_received ? " fin" : "",
		    s->fin_written ? " ended" : "", s->fin_acked ? " acked" : "");
	}
}

/* ---- turns ---- */

void
host_wants_work(struct world *world, struct host *host)
{
	if (host->work_is_put)
		return;
	host->work_is_put = true;
	put(world, host, EVENT_WORK, 20 + sim_roll(world, 200), 0);
}

void
host_wants_sync(struct world *world, struct host *host)
{
	if (!host->sync.is_alive || host->sync.is_put)
		return;
	host->sync.is_put = true;
	struct due event = {.kind = EVENT_SYNC, .host = host->at, .tag = host->sync.life};
	sim_put(world, 10 + sim_roll(world, 100), &event);
}

/* ---- connections ---- */

struct host *
host_that_accepts(struct world *world, uint32_t flow)
{
	for (uint32_t at = 0; at < SIM_HOSTS; at++) {
		struct host *host = &world->host[at];

		if (host->is_powered && host->door && host->worker.is_alive &&
		    shm_custody(&host->shm, flow)->state == SLOT_FREE &&
		    (gate_positions_is_alone(&host->gate) ||
			gate_positions_is_clear(&host->gate, flow)))
			return host;
	}
	return NULL;
}

static void
fill_leg(const struct host *host, struct slot_custody *custody, uint32_t flow, uint32_t leg)
{
	const struct sock *sock = &host->kernel[flow].sock[leg];

	custody->leg[leg] = (struct slot_leg){
	    .cookie = flow + 1,
	    .state = LEG_OPEN,
	    .local = {.family = 4, .port = 25, .address = {192, 0, 2, 10}},
	    .peer = {.family = 4, .port = (uint16_t)(1024 + flow), .address = {198, 51, 100, 1}},
	    .tcp = {.receive_sequence = sock->irs,
		.send_sequence = sock->iss,
		.send_window = 65535,
		.max_window = 65535,
		.receive_window = 65535,
		.mss = 1460,
		.dumped = 1},
	};
}

void
host_accept(struct world *world, struct host *host, uint32_t flow)
{
	struct slot_custody *custody = shm_custody(&host->shm, flow);
	struct slot_session *session = shm_session(&host->shm, flow);
	uint32_t generation = custody->generation + 1;

	kernel_open(world, host, flow);
	slot_clear(host, flow);
	custody->generation = generation;
	custody->session_id = world->flow[flow].number;
	custody->opened_us = world->now_us;
	for (uint32_t leg = 0; leg < SHM_LEGS; leg++)
		fill_leg(host, custody, flow, leg);
	session->generation = generation;
	custody->owner = host->worker.owner;
	custody->state = SLOT_OPEN;
	host->worker.is_done[flow] = true;
	host_wants_work(world, host);
}

void
host_slot_is_free(struct world *world, struct host *host, uint32_t slot)
{
	struct slot_custody *custody = shm_custody(&host->shm, slot);

	custody->state = SLOT_FREE;
	custody->owner = PROCESS_OWNER_NONE;
	host_wants_sync(world, host);
}

static void
restore_leg(struct host *host, uint32_t slot, const struct record *record, uint32_t leg)
{
	const struct leg_tcp *tcp = &shm_custody(&host->shm, slot)->leg[leg].tcp;
	struct sock *sock = &host->kernel[slot].sock[leg];

	*sock = (struct sock){
	    .received = record->stored[leg],
	    .consumed = record->stored[leg],
	    .written = record->outlet[leg].written,
	    .left = record->outlet[leg].written,
	    .acked = record->outlet[leg].written,
	    .irs = tcp->receive_sequence,
	    .iss = tcp->send_sequence,
	    .fin_received = record->end_seen[leg] == ENDING_FIN,
	};
}

static void
restore(struct world *world, struct host *host, uint32_t slot)
{
	struct slot_custody *custody = shm_custody(&host->shm, slot);
	struct kernel_session *kernel = &host->kernel[slot];
	struct record record;

	if (!check_takeover(world, host, slot) ||
	    !record_read(shm_session(&host->shm, slot), custody->generation, &record)) {
		flow_lose(world, slot);
		custody->state = SLOT_FREE;
		return;
	}
	*kernel = (struct kernel_session){.exists = true, .number = world->flow[slot].number};
	for (uint32_t leg = 0; leg < SHM_LEGS; leg++)
		restore_leg(host, slot, &record, leg);
	worker_restore(world, host, slot, &record);
	custody->owner = host->worker.owner;
	custody->state = SLOT_OPEN;
	host->worker.is_done[slot] = false;
	host->worker.notice[slot] = 0;
}

static void
restore_all(struct world *world, struct host *host)
{
	sim_stats.takeovers++;
	for (uint32_t slot = 0; slot < SIM_FLOWS; slot++) {
		if (shm_custody(&host->shm, slot)->state == SLOT_REPLICA)
			restore(world, host, slot);
		/* One that it has already it goes on with (takeover.c). */
		else if (world->flow[slot].is_open &&
			 shm_custody(&host->shm, slot)->state != SLOT_OPEN)
			check_takeover(world, host, slot);
	}
}

static void
silence_slot(struct world *world, struct host *host, uint32_t slot)
{
	struct slot_session *session = shm_session(&host->shm, slot);

	kernel_silence(host, slot);
	if (shm_custody(&host->shm, slot)->state != SLOT_OPEN)
		return;
	for (unsigned leg = 0; leg < SHM_LEGS; leg++) {
		window_release_all(&session->input[leg], &host->shm, &host->worker.chunks, false);
		window_release_all(&session->text[leg], &host->shm, &host->worker.chunks, false);
	}
	host_slot_is_free(world, host, slot);
}

/* ---- what sync asks the supervisor for ---- */

static void
set_door(struct world *world, struct host *host, bool is_open)
{
	host->door = is_open;
	if (is_open)
		kernel_again(world, host);
}

void
host_asked(struct world *world, struct host *host, const struct supervisor_request *request)
{
	uint64_t lasts = request->kind == REQUEST_RESTORE ? sim_roll(world, RESTORE_US) : 0;

	check(world, host->asked < HOST_REQUESTS, "the supervisor is asked for too much");
	host->request[host->asked] = *request;
	host->request[host->asked++].argument[3] = host->sync.life;
	put(world, host, EVENT_REQUEST, REQUEST_US + lasts, 0);
}

static void
measure(struct host *host)
{
	for (uint32_t slot = 0; slot < SIM_FLOWS; slot++)
		for (uint32_t leg = 0; leg < SHM_LEGS; leg++) {
			const struct sock *sock = &host->kernel[slot].sock[leg];

			shm_custody(&host->shm, slot)->leg[leg].accepted =
			    sock->received + sock->fin_received;
		}
}

static void
do_request(struct world *world, struct host *host)
{
	struct supervisor_request request = host->request[0];

	host->asked--;
	memmove(host->request, host->request + 1, host->asked * sizeof(request));
	switch (request.kind) {
	case REQUEST_DOOR:
		set_door(world, host, request.argument[0] != 0);
		break;
	case REQUEST_SILENCE:
		for (uint32_t slot = 0; slot < SIM_FLOWS; slot++)
			silence_slot(world, host, slot);
		break;
	case REQUEST_MEASURE:
		measure(host);
		break;
	default:
		/* Its replicas went with the sync that has asked. */
		if (request.argument[3] == host->sync.life)
			restore_all(world, host);
		break;
	}
	if (host->sync.is_alive && request.argument[3] == host->sync.life)
		host_answered(world, host, &request);
}

/* ---- life and death ---- */

void
host_loses_power(struct world *world, struct host *host, uint64_t for_us)
{
	if (!host->is_powered)
		return;
	host->is_powered = false;
	host->door = false;
	host->work_is_put = false;
	memset(host->kernel, 0, sizeof(host->kernel));
	link_close(world, host->at);
	host_sync_end(world, host);
	host->life++;
	sim_stats.crashes++;
	put(world, host, EVENT_HOST_STARTS, for_us, 0);
}

/* The kernel closes their sockets. */
void
host_is_killed(struct world *world, struct host *host, uint64_t for_us)
{
	if (!host->is_powered || host->is_killed)
		return;
	host->is_killed = true;
	host->worker.is_alive = host->work_is_put = false;
	link_close(world, host->at);
	host_sync_end(world, host);
	host->life++;
	host->asked = 0;
	sim_stats.crashes++;
	for (uint32_t flow = 0; flow < SIM_FLOWS; flow++)
		for (uint32_t leg = 0; leg < SHM_LEGS; leg++)
			host->kernel[flow].sock[leg].fin_written = true;
	kernel_again(world, host);
	put(world, host, EVENT_KERNEL_AGAIN, AGAIN_US, 0);
	put(world, host, EVENT_HOST_STARTS, for_us, 0);
}

void
host_give_chunks(struct world *world, struct host *host)
{
	_Atomic uint32_t *owners = shm_chunk_owners(&host->shm);

	for (uint32_t chunk = 0; chunk < host->shm.chunks; chunk++)
		if (owners[chunk] == CHUNK_WITHHELD)
			owners[chunk] = CHUNK_FREE;
	/* A session whose peers are silent gets them all the same. */
	if (host->worker.is_alive)
		host_wants_work(world, host);
}

void
host_sync_dies(struct world *world, struct host *host)
{
	struct due event = {.kind = EVENT_SYNC_STARTS, .host = host->at, .tag = host->life};

	if (!host_sync_is_up(host))
		return;
	link_close(world, host->at);
	host_sync_end(world, host);
	sim_stats.crashes++;
	sim_put(world, 1 + sim_roll(world, 100 * SIM_MS), &event);
}

void
host_pauses(struct world *world, struct host *host, uint64_t for_us)
{
	host->paused_until_us = world->now_us + for_us;
}

bool
host_sync_is_up(const struct host *host)
{
	return host->is_powered && host->sync.is_alive;
}

bool
host_sync_is_paused(const struct world *world, uint32_t at)
{
	return world->host[at].paused_until_us > world->now_us;
}

uint64_t
host_epoch(const struct host *host)
{
	return host->sync.is_alive ? host->sync.sync->role.start.epoch.number : host->disk.number;
}

int32_t
host_track(const struct host *host)
{
	return host->sync.is_alive ? host->sync.sync->role.track : 0;
}

bool
host_can_serve(const struct host *host)
{
	const struct role *role;

	if (!host_sync_is_up(host))
		return false;
	role = &host->sync.sync->role;
	return role->state == ROLE_SYNCED || role->state == ROLE_ASKING ||
	       (role->state == ROLE_RAISING && role->replica) || role->state == ROLE_RESTORING;
}

bool
host_claims(const struct host *host)
{
	return host_sync_is_up(host) && role_claims(host->sync.sync->role.state);
}

bool
host_is_well(const struct host *host)
{
	return host_sync_is_up(host) && host->sync.sync->role.state == ROLE_ACTIVE;
}

/* ---- events ---- */

static void
take_sync(struct world *world, struct host *host, const struct due *event)
{
	if (event->tag != host->sync.life || !host->sync.is_alive)
		return;
	if (host_sync_is_paused(world, host->at))
		sim_put(world, host->paused_until_us - world->now_us, event);
	else
		host_sync_take(world, host, event);
}

void
host_take(struct world *world, const struct due *event)
{
	struct host *host = &world->host[event->host];

	if (event->kind == EVENT_SYNC || event->kind == EVENT_EPOCH_SAVED) {
		take_sync(world, host, event);
		return;
	}
	if (event->tag != host->life)
		return;
	switch (event->kind) {
	case EVENT_KERNEL_AGAIN:
		kernel_again(world, host);
		put(world, host, EVENT_KERNEL_AGAIN, AGAIN_US, 0);
		break;
	case EVENT_REQUEST:
		do_request(world, host);
		break;
	case EVENT_HOST_STARTS:
		host_start(world, host);
		break;
	case EVENT_WORKER_STARTS:
		worker_start(world, host);
		break;
	case EVENT_SYNC_STARTS:
		host_sync_start(world, host);
		break;
	default:
		host->work_is_put = false;
		worker_turn(world, host);
		break;
	}
}
