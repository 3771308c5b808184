#include "tests/sim/worker.h"

#include "tests/sim/check.h"
#include "tests/sim/flow.h"
#include "tests/sim/world.h"

#include "shm/journal.h"
#include "shm/process.h"
#include "shm/release.h"
#include "shm/slot.h"

static bool
is_mine(const struct host *host, uint32_t slot)
{
	const struct slot_custody *custody = shm_custody(&host->shm, slot);

	return custody->state == SLOT_OPEN && custody->owner == host->worker.owner &&
	       host->kernel[slot].exists;
}

/* ---- whether the newest record may be acted upon ---- */

static bool
may_act(const struct host *host, uint32_t slot, const struct record *record)
{
	const struct release_state *release = shm_release(&host->shm);
	const struct slot_custody *custody = shm_custody(&host->shm, slot);

	switch (release_mode(release_word(release))) {
	case RELEASE_ALONE:
		return true;
	case RELEASE_PAIRED:
		return release_acknowledged(release, 0) >= host->worker.notice[slot] ||
		       release_slot_acknowledged(&custody->sync, record->generation) >=
			   record->sequence;
	default:
		return false;
	}
}

/* ---- what a record says is done ---- */

static void
write_output(struct world *world, struct host *host, uint32_t slot, const struct record *record,
    enum shm_leg leg)
{
	const struct slot_session *shared = shm_session(&host->shm, slot);
	struct sock *sock = &host->kernel[slot].sock[leg];
	struct outlet_piece piece[OUTLET_WORDS];
	uint64_t end = record->outlet[leg].written + outlet_pending(&record->outlet[leg]);
	uint64_t position = sock->written;
	size_t pieces;

	check(world, record->outlet[leg].written <= position && position <= end,
	    "the output that was committed is not where the kernel stands");
	pieces = outlet_pieces(
	    &record->outlet[leg], position - record->outlet[leg].written, piece, OUTLET_WORDS);
	for (size_t i = 0; i < pieces; i++) {
		uint8_t bytes[SIM_STREAM_MAX + FLOW_TEXT];
		const struct window *window =
		    piece[i].kind == OUTLET_INSERT ? &shared->text[leg] : &shared->input[!leg];

		check(world,
		    window_read(window, &host->shm, piece[i].position, bytes, piece[i].length),
		    "committed output is not in memory");
		check_output(world, host, slot, leg, position, bytes, piece[i].length);
		position += piece[i].length;
	}
	sock->written = end;
	sock->fin_written = record->ending[leg] == ENDING_FIN;
}

void
worker_restore(struct world *world, struct host *host, uint32_t slot, const struct record *record)
{
	for (unsigned leg = 0; leg < SHM_LEGS; leg++)
		write_output(world, host, slot, record, leg);
}

static void
give_back(struct host *host, uint32_t slot, const struct record *record)
{
	struct slot_session *shared = shm_session(&host->shm, slot);

	for (unsigned leg = 0; leg < SHM_LEGS; leg++) {
		const struct outlet *outlet = &record->outlet[!leg];

		window_release_below(&shared->input[leg], &host->shm, &host->worker.chunks,
		    outlet->count > 0 ? outlet->input : record->position[leg], false);
		window_release_below(&shared->text[leg], &host->shm, &host->worker.chunks,
		    record->outlet[leg].text, false);
	}
}

static void
finish(struct world *world, struct host *host, uint32_t slot)
{
	struct slot_session *shared = shm_session(&host->shm, slot);

	for (unsigned leg = 0; leg < SHM_LEGS; leg++) {
		window_release_all(&shared->input[leg], &host->shm, &host->worker.chunks, false);
		window_release_all(&shared->text[leg], &host->shm, &host->worker.chunks, false);
	}
	host->kernel[slot].is_rest = true;
	host_slot_is_free(world, host, slot);
}

static void
act(struct world *world, struct host *host, uint32_t slot, const struct record *record)
{
	host->worker.is_done[slot] = true;
	if (record->flags & RECORD_FINISHED) {
		finish(world, host, slot);
		return;
	}
	for (unsigned leg = 0; leg < SHM_LEGS; leg++)
		write_output(world, host, slot, record, leg);
	give_back(host, slot, record);
	for (unsigned leg = 0; leg < SHM_LEGS; leg++)
		kernel_say(world, host, slot, leg);
}

/* ---- the next record ---- */

/* False: no chunk; later. */
static bool
receive(struct world *world, struct host *host, uint32_t slot, enum shm_leg leg)
{
	struct window *window = &shm_session(&host->shm, slot)->input[leg];
	struct sock *sock = &host->kernel[slot].sock[leg];
	uint8_t bytes[SIM_STREAM_MAX];
	uint64_t length = sock->received - sock->consumed;

	if (length == 0)
		return true;
	if (window_is_empty(window))
		window_rebase(window, sock->consumed);
	while (window_end(window) < sock->received)
		if (window_append(window, &host->shm, &host->worker.chunks, slot) < 0)
			return false;
	for (uint64_t i = 0; i < length; i++)
		bytes[i] = sim_byte(slot, host->kernel[slot].number, leg, sock->consumed + i);
	check(world, window_write(window, &host->shm, sock->consumed, bytes, length),
	    "a window does not take what it has room for");
	sock->consumed = sock->received;
	return true;
}

static bool
say_text(struct host *host, uint32_t slot, struct record *draft)
{
	struct slot_session *shared = shm_session(&host->shm, slot);
	uint8_t bytes[FLOW_TEXT];

	window_rebase(&shared->text[SHM_CLIENT], 0);
	if (window_append(&shared->text[SHM_CLIENT], &host->shm, &host->worker.chunks, slot) < 0)
		return false;
	for (unsigned i = 0; i < FLOW_TEXT; i++)
		bytes[i] = flow_output_byte(slot, host->kernel[slot].number, SHM_CLIENT, i);
	return window_write(&shared->text[SHM_CLIENT], &host->shm, 0, bytes, FLOW_TEXT) &&
	       outlet_push(&draft->outlet[SHM_CLIENT], OUTLET_INSERT, FLOW_TEXT);
}

static void
publish(struct world *world, struct host *host, uint32_t slot, struct record *draft)
{
	struct slot_session *shared = shm_session(&host->shm, slot);
	struct journal_ring *journal = shm_journal(&host->shm, 0);

	for (unsigned leg = 0; leg < SHM_LEGS; leg++)
		draft->stored[leg] = draft->position[leg];
	record_publish(shared, draft);
	journal_append(journal, slot, draft->generation, draft->sequence, draft->stored);
	host->worker.notice[slot] = journal->head;
	host->worker.is_done[slot] = false;
	host_wants_sync(world, host);
}

/* What of the output its receiver has acknowledged is needed no longer. */
static struct record *
begin(struct host *host, uint32_t slot)
{
	struct slot_session *shared = shm_session(&host->shm, slot);
	struct record *draft = record_begin(shared, shm_custody(&host->shm, slot)->generation);

	for (unsigned leg = 0; leg < SHM_LEGS; leg++)
		outlet_advance(&draft->outlet[leg],
		    host->kernel[slot].sock[leg].acked - draft->outlet[leg].written);
	return draft;
}

static bool
take_input(const struct host *host, uint32_t slot, struct record *draft, enum shm_leg leg)
{
	const struct sock *sock = &host->kernel[slot].sock[leg];
	uint64_t length = sock->consumed - draft->position[leg];
	bool changed = false;

	if (length > 0 && outlet_push(&draft->outlet[!leg], OUTLET_KEEP, (uint32_t)length)) {
		draft->position[leg] = sock->consumed;
		changed = true;
	}
	if (sock->fin_received && sock->consumed == draft->position[leg] &&
	    draft->end_seen[leg] == ENDING_NONE) {
		draft->end_seen[leg] = ENDING_FIN;
		changed = true;
	}
	return changed;
}

/* Both legs end when the client has. */
static void
end(struct record *draft)
{
	if (draft->end_seen[SHM_CLIENT] != ENDING_FIN)
		return;
	draft->ending[SHM_CLIENT] = draft->ending[SHM_SERVER] = ENDING_FIN;
	draft->flags |= RECORD_DRAINING;
}

static bool
is_over(const struct host *host, uint32_t slot, const struct record *draft)
{
	for (unsigned leg = 0; leg < SHM_LEGS; leg++)
		if (draft->ending[leg] != ENDING_FIN || draft->end_seen[leg] != ENDING_FIN ||
		    !host->kernel[slot].sock[leg].fin_acked)
			return false;
	return true;
}

static void
step(struct world *world, struct host *host, uint32_t slot)
{
	struct record *draft;
	bool changed = false;

	for (unsigned leg = 0; leg < SHM_LEGS; leg++)
		if (!receive(world, host, slot, leg))
			return;
	draft = begin(host, slot);
	if (draft->sequence == 1) {
		if (!say_text(host, slot, draft))
			return;
		changed = true;
	}
	for (unsigned leg = 0; leg < SHM_LEGS; leg++)
		changed |= take_input(host, slot, draft, leg);
	end(draft);
	if (is_over(host, slot, draft)) {
		draft->flags |= RECORD_FINISHED;
		changed = true;
	}
	if (changed)
		publish(world, host, slot, draft);
}

static void
session_turn(struct world *world, struct host *host, uint32_t slot)
{
	const struct record *record = record_current(shm_session(&host->shm, slot));

	for (;;) {
		if (record != NULL && !host->worker.is_done[slot]) {
			if (!may_act(host, slot, record))
				return;
			act(world, host, slot, record);
			if (!is_mine(host, slot))
				return;
		}
		step(world, host, slot);
		record = record_current(shm_session(&host->shm, slot));
		if (record == NULL || host->worker.is_done[slot])
			return;
	}
}

void
worker_turn(struct world *world, struct host *host)
{
	if (!host->worker.is_alive)
		return;
	chunk_cache_look_again(&host->worker.chunks);
	atomic_store(
	    &shm_journal(&host->shm, 0)->pulse.release_seen, release_word(shm_release(&host->shm)));
	for (uint32_t slot = 0; slot < SIM_FLOWS; slot++)
		if (is_mine(host, slot))
			session_turn(world, host, slot);
}

/* ---- life ---- */

/* A record that may not have been acted upon is noticed again. */
static void
adopt(struct world *world, struct host *host, uint32_t slot)
{
	struct slot_custody *custody = shm_custody(&host->shm, slot);
	const struct record *record = record_current(shm_session(&host->shm, slot));
	struct journal_ring *journal = shm_journal(&host->shm, 0);

	if (custody->state != SLOT_OPEN || !host->kernel[slot].exists)
		return;
	custody->owner = host->worker.owner;
	host->worker.is_done[slot] = false;
	host->worker.notice[slot] = 0;
	if (record == NULL)
		return;
	journal_append(journal, slot, record->generation, record->sequence, record->stored);
	host->worker.notice[slot] = journal->head;
	host_wants_sync(world, host);
}

void
worker_start(struct world *world, struct host *host)
{
	struct sim_worker *worker = &host->worker;
	uint32_t dead = worker->owner;

	worker->owner = PROCESS_OWNER(0, ++host->serial);
	worker->is_alive = true;
	if (dead != PROCESS_OWNER_NONE)
		chunk_sweep(&host->shm, dead);
	chunk_cache_init(&worker->chunks, worker->owner);
	chunk_cache_bound(&host->shm, &worker->chunks, true);
	shm_process(&host->shm, 0)->owner = worker->owner;
	shm_process(&host->shm, 0)->state = PROCESS_READY;
	for (uint32_t slot = 0; slot < SIM_FLOWS; slot++)
		adopt(world, host, slot);
	host_wants_work(world, host);
}

void
worker_die(struct world *world, struct host *host)
{
	struct due event = {.kind = EVENT_WORKER_STARTS, .host = host->at, .tag = host->life};

	host->worker.is_alive = false;
	shm_process(&host->shm, 0)->state = PROCESS_DEAD;
	sim_stats.crashes++;
	sim_put(world, 1 + sim_roll(world, 40 * SIM_MS), &event);
}
