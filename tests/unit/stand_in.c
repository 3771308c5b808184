#include "tests/unit/stand_in.h"

#include "shm/journal.h"
#include "shm/record.h"
#include "shm/release.h"
#include "shm/slot.h"
#include "shm/succession.h"
#include "shm/window.h"

#include <stdio.h>
#include <string.h>

#define HELD_MOST  (200u * 1024u)
#define HELD_BIG   (450u * 1024u)
#define WORD_MOST  700u
#define TEXT_MOST  300u
#define EXTRA_MOST 2000u

void
stand_in_init(struct stand_in *stand_in, const struct shm *shm, uint64_t seed)
{
	memset(stand_in, 0, sizeof(*stand_in));
	stand_in->shm = shm;
	stand_in->dice = seed * 0x9e3779b97f4a7c15 + 1;
	chunk_cache_init(&stand_in->cache, PROCESS_OWNER(0, 1));
	for (uint32_t worker = 0; worker < STAND_IN_WORKERS; worker++)
		atomic_store(&shm_process(shm, worker)->state, PROCESS_READY);
}

uint32_t
stand_in_roll(struct stand_in *stand_in, uint32_t sides)
{
	stand_in->dice = stand_in->dice * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(stand_in->dice >> 33) % sides;
}

static void
roll_bytes(struct stand_in *stand_in, void *to, size_t length)
{
	uint8_t *bytes = to, start = (uint8_t)stand_in_roll(stand_in, 256);

	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)(start + i * i);
}

static struct slot_session *
shared_of(const struct stand_in *stand_in, uint32_t slot)
{
	return shm_session(stand_in->shm, slot);
}

static const struct record *
record_of(const struct stand_in *stand_in, uint32_t slot)
{
	return record_current(shared_of(stand_in, slot));
}

static void
publish(struct stand_in *stand_in, uint32_t slot, struct record *draft)
{
	struct stand_in_session *session = &stand_in->session[slot];
	struct journal_ring *journal = shm_journal(stand_in->shm, session->worker);

	record_publish(shared_of(stand_in, slot), draft);
	journal_append(journal, slot, session->generation, draft->sequence, draft->stored);
	session->lsn = atomic_load(&journal->head);
	session->lsn_worker = session->worker;
	stand_in->notice[session->worker][session->lsn % STAND_IN_NOTICES] =
	    (struct stand_in_notice){slot, session->birth, draft->sequence};
}

static struct record *
draft_of(struct stand_in *stand_in, uint32_t slot)
{
	struct stand_in_session *session = &stand_in->session[slot];
	struct record *draft = record_begin(shared_of(stand_in, slot), session->generation);

	for (int leg = 0; leg < SHM_LEGS; leg++)
		outlet_advance(
		    &draft->outlet[leg], session->sent[leg] - draft->outlet[leg].written);
	return draft;
}

static struct shm_endpoint
roll_endpoint(struct stand_in *stand_in)
{
	struct shm_endpoint endpoint = {
	    .family = stand_in_roll(stand_in, 2) ? 4 : 6,
	    .port = (uint16_t)stand_in_roll(stand_in, 65536),
	};

	roll_bytes(stand_in, endpoint.address, endpoint.family == 4 ? 4 : 16);
	return endpoint;
}

static void
roll_leg(struct stand_in *stand_in, struct slot_leg *leg)
{
	memset(leg, 0, sizeof(*leg));
	leg->cookie = stand_in->dice;
	leg->local = roll_endpoint(stand_in);
	leg->peer = roll_endpoint(stand_in);
	leg->base_received = stand_in_roll(stand_in, 1000);
	leg->tcp = (struct leg_tcp){
	    .receive_sequence = (uint32_t)stand_in->dice,
	    .rtt_us = stand_in_roll(stand_in, 100000),
	    .mss = 1460,
	    .send_scale = (uint8_t)stand_in_roll(stand_in, 15),
	    .dumped = (uint8_t)stand_in_roll(stand_in, 2),
	};
	atomic_store(&leg->state, LEG_OPEN);
}

static void
note_touched(const struct stand_in *stand_in, uint32_t slot)
{
	_Atomic uint32_t *touched = &shm_succession(stand_in->shm)->touched;

	if (atomic_load(touched) <= slot)
		atomic_store(touched, slot + 1);
}

static void
open_slot(struct stand_in *stand_in, uint32_t slot)
{
	struct stand_in_session *session = &stand_in->session[slot];
	struct slot_custody *custody = shm_custody(stand_in->shm, slot);
	struct slot_session *shared = shared_of(stand_in, slot);

	note_touched(stand_in, slot);
	atomic_store(&custody->state, SLOT_TAKEN);
	*session = (struct stand_in_session){
	    .birth = ++stand_in->births,
	    .generation = atomic_fetch_add(&custody->generation, 1) + 1,
	    .worker = stand_in_roll(stand_in, STAND_IN_WORKERS),
	};
	custody->session_id = stand_in->dice;
	custody->opened_ms = stand_in->births;
	custody->policy_hash = stand_in_roll(stand_in, 5);
	custody->mode = (uint8_t)stand_in_roll(stand_in, 3);
	memset(custody->class_name, 0, sizeof(custody->class_name));
	snprintf(custody->class_name, sizeof(custody->class_name), "class %u", stand_in->births);
	custody->source = (struct shm_endpoint){0};
	atomic_store(&custody->marks, 0);
	custody->mark_position = custody->mark_direction = 0;
	for (int leg = 0; leg < SHM_LEGS; leg++)
		roll_leg(stand_in, &custody->leg[leg]);
	atomic_store(&custody->state, SLOT_OPENING);

	atomic_store(&shared->published, 0);
	for (int leg = 0; leg < SHM_LEGS; leg++) {
		window_rebase(&shared->input[leg], 0);
		window_rebase(&shared->text[leg], 0);
	}
	atomic_store(&shared->generation, session->generation);
	publish(stand_in, slot, draft_of(stand_in, slot));
	atomic_store(&custody->state, SLOT_OPEN);
}

/* Into the window as a worker's recv would; fewer when there is no chunk. */
static void
receive(struct stand_in *stand_in, uint32_t slot, enum shm_leg leg, uint32_t most)
{
	static uint8_t bytes[SHM_CHUNK_SIZE];
	struct stand_in_session *session = &stand_in->session[slot];
	struct window *window = &shared_of(stand_in, slot)->input[leg];
	size_t length = 1 + stand_in_roll(stand_in, most), room;

	if (window_is_empty(window))
		window_rebase(window, session->received[leg]);
	if (window_end(window) == session->received[leg] &&
	    window_append(window, stand_in->shm, &stand_in->cache, slot) < 0)
		return;
	window_span(window, stand_in->shm, session->received[leg], length, &room);
	roll_bytes(stand_in, bytes, room);
	window_write(window, stand_in->shm, session->received[leg], bytes, room);
	session->received[leg] += room;
}

static void
insert(struct stand_in *stand_in, uint32_t slot, struct record *draft, enum shm_leg leg)
{
	uint8_t text[TEXT_MOST];
	struct window *window = &shared_of(stand_in, slot)->text[leg];
	uint64_t position = outlet_text_end(&draft->outlet[leg]);
	uint32_t length = 1 + stand_in_roll(stand_in, TEXT_MOST);

	if (window_is_empty(window))
		window_rebase(window, position);
	while (window_end(window) < position + length)
		if (window_append(window, stand_in->shm, &stand_in->cache, slot) < 0)
			return;
	roll_bytes(stand_in, text, length);
	window_write(window, stand_in->shm, position, text, length);
	outlet_push(&draft->outlet[leg], OUTLET_INSERT, length);
}

static void
consume(struct stand_in *stand_in, struct record *draft, enum shm_leg leg)
{
	struct outlet *outlet = &draft->outlet[!leg];

	while (draft->position[leg] < draft->stored[leg] && stand_in_roll(stand_in, 5) != 0) {
		uint64_t left = draft->stored[leg] - draft->position[leg];
		uint32_t most = stand_in->is_big ? 100 * WORD_MOST : WORD_MOST;
		uint32_t length = 1 + stand_in_roll(stand_in, most);
		enum outlet_kind kind = stand_in_roll(stand_in, 4) == 0 ? OUTLET_DROP : OUTLET_KEEP;

		length = length < left ? length : (uint32_t)left;
		if (!outlet_push(outlet, kind, length))
			return;
		draft->position[leg] += length;
	}
}

static void
change_extra(struct stand_in *stand_in, uint32_t slot, struct record *draft)
{
	static uint8_t bytes[EXTRA_MOST];
	const struct record *published = record_of(stand_in, slot);
	struct window *window = &shared_of(stand_in, slot)->extension;
	uint32_t length = stand_in_roll(stand_in, 3) == 0 ? 0 : stand_in_roll(stand_in, EXTRA_MOST);

	if (length != 0 && window_is_empty(window)) {
		window_rebase(window, 0);
		if (window_append(window, stand_in->shm, &stand_in->cache, slot) < 0)
			return;
	}
	draft->extra_length = length;
	draft->extra_half = 0;
	draft->extra_check = 0;
	if (length == 0)
		return;
	if (published->extra_length != 0)
		draft->extra_half = !published->extra_half;
	roll_bytes(stand_in, bytes, length);
	draft->extra_check = record_checksum_bytes(bytes, length);
	window_write(
	    window, stand_in->shm, draft->extra_half * (uint64_t)RECORD_EXTRA_SIZE, bytes, length);
}

static void
settle_extra(struct stand_in *stand_in, uint32_t slot)
{
	if (record_of(stand_in, slot)->extra_length == 0)
		window_release_all(
		    &shared_of(stand_in, slot)->extension, stand_in->shm, &stand_in->cache, false);
}

static void
step(struct stand_in *stand_in, uint32_t slot)
{
	struct stand_in_session *session = &stand_in->session[slot];
	struct record *draft;

	for (int leg = 0; leg < SHM_LEGS; leg++) {
		uint64_t held =
		    session->received[leg] - record_of(stand_in, slot)->outlet[!leg].input;

		if (held < (stand_in->is_big ? HELD_BIG : HELD_MOST) &&
		    stand_in_roll(stand_in, 2) == 0)
			receive(stand_in, slot, (enum shm_leg)leg,
			    stand_in->is_big ? SHM_CHUNK_SIZE : 3000);
	}
	draft = draft_of(stand_in, slot);
	for (int leg = 0; leg < SHM_LEGS; leg++) {
		draft->stored[leg] = session->received[leg];
		consume(stand_in, draft, (enum shm_leg)leg);
		if (stand_in_roll(stand_in, 6) == 0)
			insert(stand_in, slot, draft, (enum shm_leg)leg);
	}
	draft->flags = stand_in_roll(stand_in, 8) == 0 ? RECORD_SECRET : 0;
	if (stand_in_roll(stand_in, 10) == 0)
		change_extra(stand_in, slot, draft);
	publish(stand_in, slot, draft);
	settle_extra(stand_in, slot);
}

/* What it has published may leave. */
static bool
may_act(const struct stand_in *stand_in, uint32_t slot)
{
	const struct stand_in_session *session = &stand_in->session[slot];
	const struct release_state *release = shm_release(stand_in->shm);
	const struct journal_ring *journal = shm_journal(stand_in->shm, session->worker);

	switch (release_mode(atomic_load(&journal->pulse.release_seen))) {
	case RELEASE_ALONE:
		return true;
	case RELEASE_PAIRED:
		return session->lsn <= release_acknowledged(release, session->lsn_worker);
	default:
		return false;
	}
}

static void
send_some(struct stand_in *stand_in, uint32_t slot)
{
	struct stand_in_session *session = &stand_in->session[slot];
	struct slot_session *shared = shared_of(stand_in, slot);

	for (int leg = 0; leg < SHM_LEGS; leg++) {
		const struct outlet *outlet = &record_of(stand_in, slot)->outlet[leg];
		uint64_t left = outlet->written + outlet_sendable(outlet) - session->sent[leg];
		uint64_t input, text;

		session->sent[leg] += stand_in_roll(stand_in, 3) == 0
					  ? left
					  : stand_in_roll(stand_in, (uint32_t)left + 1);
		outlet_sources(outlet, session->sent[leg] - outlet->written, &input, &text);
		window_release_below(
		    &shared->input[!leg], stand_in->shm, &stand_in->cache, input, false);
		if (input == session->received[!leg])
			window_release_all(
			    &shared->input[!leg], stand_in->shm, &stand_in->cache, false);
		window_release_below(
		    &shared->text[leg], stand_in->shm, &stand_in->cache, text, false);
		if (text == outlet_text_end(outlet))
			window_release_all(
			    &shared->text[leg], stand_in->shm, &stand_in->cache, false);
	}
}

static void
release_windows(struct stand_in *stand_in, uint32_t slot)
{
	struct slot_session *shared = shared_of(stand_in, slot);

	for (int leg = 0; leg < SHM_LEGS; leg++) {
		window_release_all(&shared->input[leg], stand_in->shm, &stand_in->cache, false);
		window_release_all(&shared->text[leg], stand_in->shm, &stand_in->cache, false);
	}
	window_release_all(&shared->extension, stand_in->shm, &stand_in->cache, false);
}

/* One step nearer to the slot's freedom. */
static void
end(struct stand_in *stand_in, uint32_t slot)
{
	struct stand_in_session *session = &stand_in->session[slot];
	struct record *draft;

	if (session->is_finished) {
		release_windows(stand_in, slot);
		atomic_store(&shm_custody(stand_in->shm, slot)->state, SLOT_FREE);
		*session = (struct stand_in_session){0};
		return;
	}
	draft = draft_of(stand_in, slot);
	draft->flags |= RECORD_DRAINING;
	for (int leg = 0; leg < SHM_LEGS; leg++)
		draft->ending[leg] = ENDING_FIN;
	if (session->is_ending)
		draft->flags |= RECORD_FINISHED;
	session->is_finished = session->is_ending;
	session->is_ending = true;
	publish(stand_in, slot, draft);
}

/* A record that did not hold: the session begins anew, to be reset. */
static void
discard(struct stand_in *stand_in, uint32_t slot)
{
	struct stand_in_session *session = &stand_in->session[slot];
	struct slot_session *shared = shared_of(stand_in, slot);
	struct record *draft;

	release_windows(stand_in, slot);
	atomic_store(&shared->published, 0);
	session->birth = ++stand_in->births;
	draft = record_begin(shared, session->generation);
	for (int leg = 0; leg < SHM_LEGS; leg++) {
		draft->position[leg] = draft->stored[leg] = session->received[leg];
		draft->outlet[!leg].input = session->received[leg];
		draft->outlet[leg].written = session->sent[leg];
		draft->ending[leg] = ENDING_RESET;
	}
	draft->flags |= RECORD_DRAINING;
	session->is_ending = true;
	publish(stand_in, slot, draft);
}

/* What the supervisor does, and no journal tells. */
static void
supervise(struct stand_in *stand_in, uint32_t slot)
{
	struct slot_custody *custody = shm_custody(stand_in->shm, slot);

	switch (stand_in_roll(stand_in, 3)) {
	case 0:
		roll_leg(stand_in, &custody->leg[SHM_SERVER]);
		break;
	case 1:
		custody->mark_direction = stand_in_roll(stand_in, SHM_LEGS);
		custody->mark_position = stand_in_roll(stand_in, 10000);
		atomic_fetch_add(&custody->marks, 1);
		break;
	default:
		stand_in->session[slot].worker = stand_in_roll(stand_in, STAND_IN_WORKERS);
		break;
	}
}

void
stand_in_live(struct stand_in *stand_in)
{
	uint32_t slot = stand_in_roll(stand_in, STAND_IN_SLOTS);
	struct stand_in_session *session = &stand_in->session[slot];

	if (session->birth == 0) {
		if (stand_in_roll(stand_in, 2) == 0)
			open_slot(stand_in, slot);
		return;
	}
	if (stand_in_roll(stand_in, 20) == 0)
		supervise(stand_in, slot);
	/* In a pair no more than one commit waits. */
	if (!may_act(stand_in, slot))
		return;
	if (!session->is_ending && stand_in_roll(stand_in, 80) == 0)
		discard(stand_in, slot);
	else if (session->is_ending || stand_in_roll(stand_in, 40) == 0)
		end(stand_in, slot);
	else if (stand_in_roll(stand_in, 2) == 0)
		send_some(stand_in, slot);
	else
		step(stand_in, slot);
}

void
stand_in_storm(struct stand_in *stand_in, uint32_t commits)
{
	for (uint32_t slot = 0; slot < STAND_IN_SLOTS; slot++) {
		const struct stand_in_session *session = &stand_in->session[slot];

		if (session->birth == 0 || session->is_ending || !may_act(stand_in, slot))
			continue;
		for (uint32_t i = 0; i < commits && may_act(stand_in, slot); i++) {
			send_some(stand_in, slot);
			publish(stand_in, slot, draft_of(stand_in, slot));
		}
		return;
	}
}

void
stand_in_obey(struct stand_in *stand_in)
{
	uint64_t word = release_word(shm_release(stand_in->shm));

	for (uint32_t worker = 0; worker < STAND_IN_WORKERS; worker++)
		atomic_store(&shm_journal(stand_in->shm, worker)->pulse.release_seen, word);
}
