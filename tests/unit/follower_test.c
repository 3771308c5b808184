/*
 * The follower, step by step: what it appends to the log, and what it lets go when.  Whether the standby
 * makes the same session of it is follow_property_test's.
 */
#include "daemon/sync/follower.h"

#include "proto/sync_entry_decode.h"
#include "shm/chunk.h"
#include "shm/counters.h"
#include "shm/journal.h"
#include "shm/policy_area.h"
#include "shm/process.h"
#include "shm/release.h"
#include "shm/slot.h"
#include "shm/succession.h"
#include "tests/unit/commits_wait.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SLOTS	100u /* far more than are looked at in a step */
#define CHUNKS	80u
#define WORKERS 2u
#define ENTRIES 200u

struct scene {
	struct shm shm;
	struct chunk_cache cache;
	struct channel *channel;
	struct follower *follower;
	struct sync_entry_decoder *decoder;
	struct channel_time time;
	unsigned released;
	struct follower_release release; /* the last one */
	uint64_t acknowledged_then;	 /* of the worker, when it was released */
	/* What was said since take_log(). */
	unsigned kinds[SYNC_ENTRY_EMBRYO + 1];
	unsigned wholes, records, pieces;
	uint64_t lsn;
	struct sync_counter counter;
	char counter_name[SYNC_NAME_MAX + 1];
};

static enum sync_reason
store(void *owner, uint64_t lsn, const struct sync_entry *entry)
{
	(void)owner;
	(void)lsn;
	(void)entry;
	return SYNC_GOOD;
}

static void
told(void *owner, const struct channel_event *event)
{
	struct scene *scene = owner;

	if (event->news == CHANNEL_ACKNOWLEDGED)
		follower_acknowledge(scene->follower, event->value);
}

static void
released(void *owner, const struct follower_release *release)
{
	struct scene *scene = owner;

	scene->released++;
	scene->release = *release;
	scene->acknowledged_then = release_acknowledged(shm_release(&scene->shm), 0);
	/* The slot's word comes first. */
	assert_int_equal(release_slot_acknowledged(
			     &shm_custody(&scene->shm, release->slot)->sync, release->generation),
	    release->sequence);
}

static void
receive(struct scene *scene, const struct sync_message *message)
{
	channel_receive(scene->channel, scene->time.now_us, message);
}

static int
set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct shm_plan plan = {.slots = SLOTS, .chunks = CHUNKS, .workers = WORKERS};
	struct channel_settings settings = {
	    .node = "mx1",
	    .peer = "mx2",
	    .version_oldest = 1,
	    .version_newest = 1,
	    .record_oldest = 2,
	    .record_newest = 2,
	    .slots = SLOTS,
	    .chunks = CHUNKS,
	    .commit = SYNC_COMMIT_DEGRADE,
	    .log = {.history = 1,
		.hold_bytes = 8u << 20,
		.hold_entries = ENTRIES,
		.batch_entries = 10,
		.batch_bytes = SYNC_BATCH_BYTES_MAX},
	    .heartbeat_us = 1u << 30,
	    .silence_us = UINT64_MAX / 2,
	    .store = store,
	    .tell = told,
	    .owner = scene,
	};

	assert_non_null(scene);
	assert_int_equal(shm_create(&scene->shm, &plan), 0);
	chunk_cache_init(&scene->cache, 1);
	scene->decoder = sync_entry_decoder_create();
	scene->channel = channel_create(&settings);
	assert_non_null(scene->channel);
	channel_set_standing(scene->channel, SYNC_ROLE_ACTIVE, 5);
	scene->follower = follower_create(&(struct follower_settings){
	    .shm = &scene->shm,
	    .channel = scene->channel,
	    .log_entries = ENTRIES,
	    .notices_most = 10,
	    .walk_most = 3,
	    .walk_bytes = 1u << 20,
	    .released = released,
	    .owner = scene,
	});
	assert_non_null(scene->follower);
	*state = scene;
	return 0;
}

static int
tear_down(void **state)
{
	struct scene *scene = *state;

	follower_destroy(scene->follower);
	channel_destroy(scene->channel);
	sync_entry_decoder_destroy(scene->decoder);
	shm_detach(&scene->shm);
	free(scene);
	return 0;
}

/* The standby that this host talks to is not there: the test says its part. */
static void
greet(struct scene *scene)
{
	struct sync_message hello = {
	    .kind = SYNC_HELLO,
	    .hello = {.version_oldest = 1,
		.version_newest = 1,
		.record_oldest = 2,
		.record_newest = 2,
		.node = "mx2",
		.peer = "mx1",
		.epoch = 4,
		.role = SYNC_ROLE_STANDBY,
		.abi_major = 0,
		.slots = SLOTS,
		.chunks = CHUNKS,
		.side = 1,
		.commit = SYNC_COMMIT_DEGRADE},
	};

	channel_connected(scene->channel, scene->time.now_us);
	receive(scene, &hello);
	assert_int_equal(channel_state(scene->channel), CHANNEL_TALKING);
}

static void
obey(struct scene *scene, enum release_mode mode)
{
	release_set(shm_release(&scene->shm), mode);
	for (uint32_t worker = 0; worker < WORKERS; worker++)
		atomic_store(&shm_journal(&scene->shm, worker)->pulse.release_seen,
		    release_word(shm_release(&scene->shm)));
}

static void
note(struct scene *scene, const struct sync_entry *entry)
{
	scene->kinds[entry->kind]++;
	if (entry->kind == SYNC_ENTRY_SESSION) {
		scene->wholes += entry->session.whole;
		scene->records += entry->session.sequence != 0;
		scene->pieces += entry->session.pieces;
	}
	if (entry->kind == SYNC_ENTRY_COUNTERS) {
		scene->counter = entry->counters.counter[entry->counters.counters - 1];
		snprintf(
		    scene->counter_name, sizeof(scene->counter_name), "%s", scene->counter.name);
	}
}

/* All that was said so far. */
static void
take_log(struct scene *scene)
{
	struct sync_message message;
	struct sync_entry entry;
	bool is_secret;

	memset(scene->kinds, 0, sizeof(scene->kinds));
	scene->wholes = scene->records = scene->pieces = 0;
	scene->time.now_us += 1000;
	while (channel_next(scene->channel, &scene->time, &message, &is_secret)) {
		if (message.kind != SYNC_BATCH)
			continue;
		for (uint32_t i = 0; i < message.batch.entries; i++) {
			assert_int_equal(
			    sync_entry_decode(scene->decoder, message.batch.entry[i].data,
				message.batch.entry[i].length, &entry),
			    SYNC_GOOD);
			note(scene, &entry);
		}
		scene->lsn = message.batch.first + message.batch.entries - 1;
	}
}

static void
acknowledge(struct scene *scene, uint64_t lsn)
{
	const struct outgoing *log = channel_outgoing(scene->channel);
	struct sync_message ack = {
	    .kind = SYNC_ACK, .ack = {.epoch = 5, .history = outgoing_history(log), .lsn = lsn}};

	receive(scene, &ack);
}

static enum follower_result
step(struct scene *scene)
{
	enum follower_result result;

	for (unsigned i = 0; i < 100; i++) {
		result = follower_step(scene->follower, scene->time.now_us);
		if (result != FOLLOWER_MORE)
			return result;
	}
	return result;
}

/* Time goes on until each slot has been looked at. */
static void
stroll(struct scene *scene)
{
	for (uint32_t i = 0; i < SLOTS; i++) {
		scene->time.now_us += 10000;
		step(scene);
	}
	take_log(scene);
}

/* A log that has nothing but its snapshot's end. */
static void
begin(struct scene *scene)
{
	greet(scene);
	obey(scene, RELEASE_PAIRED);
	assert_true(follower_may_begin(scene->follower));
	follower_begin(scene->follower);
	assert_int_equal(step(scene), FOLLOWER_DONE);
	take_log(scene);
	assert_int_equal(scene->kinds[SYNC_ENTRY_SNAPSHOT_END], 1);
	acknowledge(scene, scene->lsn);
}

static void
commit(struct scene *scene, uint32_t worker, uint32_t slot, struct record *draft)
{
	record_publish(shm_session(&scene->shm, slot), draft);
	journal_append(shm_journal(&scene->shm, worker), slot, draft->generation, draft->sequence,
	    draft->stored);
}

static struct record *
draft(struct scene *scene, uint32_t slot)
{
	return record_begin(shm_session(&scene->shm, slot),
	    atomic_load(&shm_custody(&scene->shm, slot)->generation));
}

static void
open_slot(struct scene *scene, uint32_t slot)
{
	struct slot_custody *custody = shm_custody(&scene->shm, slot);

	atomic_fetch_add(&custody->generation, 1);
	atomic_store(&custody->state, SLOT_OPEN);
	if (atomic_load(&shm_succession(&scene->shm)->touched) <= slot)
		atomic_store(&shm_succession(&scene->shm)->touched, slot + 1);
}

static uint64_t
position(const struct scene *scene, uint32_t worker)
{
	return release_acknowledged(shm_release(&scene->shm), worker);
}

static void
test_a_snapshot_begins_when_all_obey(void **state)
{
	struct scene *scene = *state;

	assert_false(follower_may_begin(scene->follower)); /* alone */
	atomic_store(&shm_process(&scene->shm, 1)->state, PROCESS_READY);
	obey(scene, RELEASE_PAIRED);
	assert_true(follower_may_begin(scene->follower));
	release_set(shm_release(&scene->shm), RELEASE_PAIRED);
	assert_false(follower_may_begin(scene->follower));
	atomic_store(&shm_process(&scene->shm, 1)->state, PROCESS_DEAD);
	assert_true(follower_may_begin(scene->follower));
}

static void
test_without_a_log(void **state)
{
	struct scene *scene = *state;

	open_slot(scene, 0);
	commit(scene, 0, 0, draft(scene, 0));
	assert_int_equal(step(scene), FOLLOWER_DONE);
	assert_int_equal(position(scene, 0), 1); /* alone: nobody waits */
	assert_false(commits_wait(&scene->shm));
	obey(scene, RELEASE_PAIRED);
	commit(scene, 0, 0, draft(scene, 0));
	assert_int_equal(step(scene), FOLLOWER_DONE);
	assert_int_equal(position(scene, 0), 1);
	assert_true(commits_wait(&scene->shm));
}

static void
test_what_is_acknowledged_is_let_go_in_order(void **state)
{
	struct scene *scene = *state;
	struct record *record;

	begin(scene);
	open_slot(scene, 1);
	record = draft(scene, 1);
	record->stored[SHM_CLIENT] = 7;
	record->outlet[SHM_CLIENT].written = 100;
	commit(scene, 0, 1, record);
	assert_int_equal(step(scene), FOLLOWER_DONE);
	take_log(scene);
	assert_int_equal(scene->wholes, 1);
	assert_int_equal(position(scene, 0), 0);
	assert_int_equal(scene->released, 0);
	assert_true(commits_wait(&scene->shm));
	acknowledge(scene, scene->lsn);
	assert_int_equal(scene->released, 1);
	assert_int_equal(scene->acknowledged_then, 0); /* before the worker heard */
	assert_true(scene->release.is_first);
	assert_int_equal(scene->release.stored[SHM_CLIENT], 7);
	assert_int_equal(scene->release.output_end[SHM_CLIENT], 100);
	assert_int_equal(position(scene, 0), 1);
	assert_int_equal(follower_news(scene->follower), 1);
	assert_int_equal(follower_news(scene->follower), 0);
	assert_false(commits_wait(&scene->shm));

	/* The other worker has it now. */
	commit(scene, 1, 1, draft(scene, 1));
	assert_int_equal(step(scene), FOLLOWER_DONE);
	take_log(scene);
	assert_int_equal(scene->wholes, 0);
	assert_int_equal(scene->records, 1);
	acknowledge(scene, scene->lsn);
	assert_false(scene->release.is_first);
	assert_int_equal(follower_news(scene->follower), 2);
}

/* The record of a later commit stands for the one before. */
static void
test_a_record_is_told_once(void **state)
{
	struct scene *scene = *state;

	begin(scene);
	open_slot(scene, 1);
	for (unsigned i = 0; i < 5; i++)
		commit(scene, 0, 1, draft(scene, 1));
	assert_int_equal(step(scene), FOLLOWER_DONE);
	take_log(scene);
	assert_int_equal(scene->records, 1);
	acknowledge(scene, scene->lsn);
	assert_int_equal(position(scene, 0), 5);
	/* A notice that names no slot is none. */
	journal_append(shm_journal(&scene->shm, 0), SLOTS, 1, 1, (const uint64_t[SHM_LEGS]){0});
	assert_int_equal(step(scene), FOLLOWER_DONE);
	assert_int_equal(position(scene, 0), 6);
}

/* What is this host's own of a connection is not told, and makes nothing told again. */
static void
test_what_is_not_told_changes_nothing(void **state)
{
	struct scene *scene = *state;
	struct slot_leg *leg = &shm_custody(&scene->shm, 1)->leg[SHM_CLIENT];

	begin(scene);
	atomic_store(&shm_succession(&scene->shm)->touched, SLOTS);
	open_slot(scene, 1);
	commit(scene, 0, 1, draft(scene, 1));
	step(scene);
	take_log(scene);
	atomic_store(&leg->accepted, 7);
	leg->cookie++;
	stroll(scene);
	assert_int_equal(scene->records, 0);
	leg->base_written++;
	stroll(scene);
	assert_int_equal(scene->records, 1);
}

static void
test_a_session_that_cannot_be_told_holds_nobody_up(void **state)
{
	struct scene *scene = *state;
	struct slot_session *session = shm_session(&scene->shm, 1);
	struct record *record;

	begin(scene);
	open_slot(scene, 1);
	commit(scene, 0, 1, draft(scene, 1));
	step(scene);
	take_log(scene);
	acknowledge(scene, scene->lsn);
	/* Damaged: the standby must not go on with what was before. */
	commit(scene, 0, 1, draft(scene, 1));
	session->record[atomic_load(&session->published) & 1].messages++;
	assert_int_equal(step(scene), FOLLOWER_DONE);
	take_log(scene);
	assert_int_equal(scene->kinds[SYNC_ENTRY_ENDED], 1);
	assert_int_equal(scene->records, 0);
	acknowledge(scene, scene->lsn);
	assert_int_equal(position(scene, 0), 2);
	/* Its bytes are nowhere. */
	record = draft(scene, 1);
	record->stored[SHM_CLIENT] = 10;
	window_append(&session->input[SHM_CLIENT], &scene->shm, &scene->cache, 1);
	session->input[SHM_CLIENT].chunk[0] = CHUNKS;
	record->extra_length = 5; /* nor its second part */
	commit(scene, 0, 1, record);
	assert_int_equal(step(scene), FOLLOWER_DONE);
	assert_int_equal(position(scene, 0), 3);
	session->input[SHM_CLIENT].chunk[0] = 0;
	assert_int_equal(step(scene), FOLLOWER_DONE);
	/* A name that no entry could have. */
	open_slot(scene, 2);
	shm_custody(&scene->shm, 2)->class_name[0] = '\n';
	commit(scene, 0, 2, draft(scene, 2));
	assert_int_equal(step(scene), FOLLOWER_DONE);
	assert_true(outgoing_is_open(channel_outgoing(scene->channel)));
	assert_int_equal(position(scene, 0), 4);
}

static void
fill(struct scene *scene, struct window *window, uint32_t slot)
{
	while (window_append(window, &scene->shm, &scene->cache, slot) == 0)
		continue;
}

/* Four windows full: the record comes last, and only with it the session is protected. */
static void
test_a_big_session_is_told_in_parts(void **state)
{
	struct scene *scene = *state;
	struct slot_session *session = shm_session(&scene->shm, 1);
	const struct outgoing *log = channel_outgoing(scene->channel);
	const uint32_t size = SHM_WINDOW_CHUNKS * SHM_CHUNK_SIZE;
	struct record *record;

	begin(scene);
	open_slot(scene, 1);
	record = draft(scene, 1);
	for (int leg = 0; leg < SHM_LEGS; leg++) {
		fill(scene, &session->input[leg], 1);
		fill(scene, &session->text[leg], 1);
		record->stored[leg] = size;
		outlet_push(&record->outlet[leg], OUTLET_INSERT, size);
	}
	commit(scene, 0, 1, record);
	uint64_t before = outgoing_newest(log);
	assert_int_equal(step(scene), FOLLOWER_DONE);
	take_log(scene);
	assert_int_equal(scene->wholes, 1);
	assert_int_equal(scene->records, 1);
	/* An entry has room for three chunks. */
	assert_in_range(scene->pieces, 4 * SHM_WINDOW_CHUNKS, 6 * SHM_WINDOW_CHUNKS);
	assert_in_range(scene->lsn - before, 4 * SHM_WINDOW_CHUNKS / 3, 2 * SHM_WINDOW_CHUNKS);
	acknowledge(scene, scene->lsn - 1);
	assert_false(outgoing_is_protected(log, 1, 1));
	assert_int_equal(scene->released, 0);
	assert_int_equal(position(scene, 0), 0);
	acknowledge(scene, scene->lsn);
	assert_true(outgoing_is_protected(log, 1, 1));
	assert_int_equal(scene->released, 1);
	assert_int_equal(position(scene, 0), 1);
}

static void
test_the_end_of_a_session_is_seen(void **state)
{
	struct scene *scene = *state;
	struct record *record;

	begin(scene);
	atomic_store(&shm_succession(&scene->shm)->touched, SLOTS);
	open_slot(scene, 1);
	record = draft(scene, 1);
	record->flags = RECORD_FINISHED;
	commit(scene, 0, 1, record);
	step(scene);
	take_log(scene);
	step(scene);
	take_log(scene);
	assert_int_equal(scene->kinds[SYNC_ENTRY_ENDED], 0);
	atomic_store(&shm_custody(&scene->shm, 1)->state, SLOT_FREE);
	assert_int_equal(follower_step(scene->follower, 0), FOLLOWER_DONE);
	take_log(scene);
	assert_int_equal(scene->kinds[SYNC_ENTRY_ENDED], 1);
	/* One that is gone without any word is found by the walk. */
	open_slot(scene, 1);
	commit(scene, 0, 1, draft(scene, 1));
	step(scene);
	atomic_store(&shm_custody(&scene->shm, 1)->state, SLOT_FREE);
	for (uint32_t i = 0; i < SLOTS; i++)
		step(scene);
	take_log(scene);
	assert_int_equal(scene->kinds[SYNC_ENTRY_ENDED], 0);
	/* It goes on by time, however often it is asked. */
	stroll(scene);
	assert_int_equal(scene->kinds[SYNC_ENTRY_ENDED], 1);
}

static void
test_a_journal_that_went_on_alone(void **state)
{
	struct scene *scene = *state;

	begin(scene);
	open_slot(scene, 0);
	open_slot(scene, 1);
	commit(scene, 0, 0, draft(scene, 0));
	for (unsigned i = 0; i < JOURNAL_ENTRIES + 10; i++)
		commit(scene, 0, 1, draft(scene, 1));
	/* The first session's notice is gone; the walk finds it. */
	for (unsigned i = 0; i < 1000 && follower_step(scene->follower, 0) == FOLLOWER_MORE; i++)
		continue;
	take_log(scene);
	assert_int_equal(scene->wholes, 2);
	acknowledge(scene, scene->lsn);
	assert_int_equal(position(scene, 0), JOURNAL_ENTRIES + 11);
}

/* What waits when a log ends is told in the next one. */
static void
test_a_log_that_ends(void **state)
{
	struct scene *scene = *state;

	begin(scene);
	open_slot(scene, 1);
	commit(scene, 0, 1, draft(scene, 1));
	step(scene);
	channel_abandon(scene->channel);
	assert_int_equal(step(scene), FOLLOWER_DONE);
	assert_int_equal(position(scene, 0), 0);
	follower_begin(scene->follower);
	step(scene);
	take_log(scene);
	assert_int_equal(scene->wholes, 1);
	acknowledge(scene, scene->lsn);
	assert_int_equal(position(scene, 0), 1);
	/* More than the log can hold. */
	for (unsigned i = 0; i < ENTRIES; i++) {
		commit(scene, 0, 1, draft(scene, 1));
		assert_int_equal(step(scene), FOLLOWER_DONE);
	}
	commit(scene, 0, 1, draft(scene, 1));
	assert_int_equal(step(scene), FOLLOWER_OVER);
	assert_int_equal(position(scene, 0), 1);
}

static void
test_counters_that_have_changed(void **state)
{
	struct scene *scene = *state;
	struct policy_slot *policy = &shm_policy(&scene->shm)->slot[3];
	uint64_t generation = 0xabcd;

	begin(scene);
	counter_add(shm_counters(&scene->shm, 0), COUNTER_commits, 2);
	counter_add(shm_counters(&scene->shm, 1), COUNTER_commits, 3);
	counter_set(shm_counters(&scene->shm, 1), COUNTER_slots_most_used, 3); /* a gauge */
	follower_tell_counters(scene->follower, 0);
	take_log(scene);
	assert_int_equal(scene->kinds[SYNC_ENTRY_COUNTERS], 1);
	assert_string_equal(scene->counter_name, "commits");
	assert_int_equal(scene->counter.value, 5);
	follower_tell_counters(scene->follower, 0);
	take_log(scene);
	assert_int_equal(scene->kinds[SYNC_ENTRY_COUNTERS], 0);

	memcpy(policy->generation, &generation, sizeof(generation));
	atomic_store(&policy->state, POLICY_READY);
	counter_add_rule(shm_counters(&scene->shm, 0), 3, COUNTER_RULE_DROPS, 9);
	follower_tell_counters(scene->follower, 0);
	take_log(scene);
	assert_string_equal(scene->counter_name, "rule.000000000000abcd.57");
	assert_int_equal(scene->counter.value, 9);
	/* A new log knows none of it. */
	follower_begin(scene->follower);
	follower_tell_counters(scene->follower, 0);
	take_log(scene);
	assert_int_equal(scene->kinds[SYNC_ENTRY_COUNTERS], 1);
}

static void
test_a_text_is_told_in_parts(void **state)
{
	static uint8_t bytes[2 * SYNC_TEXT_PART_MAX + 1];
	struct scene *scene = *state;
	struct sync_text text = {
	    .kind = SYNC_TEXT_RUNNING,
	    .generation = {bytes, SYNC_GENERATION_SIZE},
	    .saved = "",
	    .by = "",
	    .total = sizeof(bytes),
	    .part = {bytes, sizeof(bytes)},
	};

	begin(scene);
	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(follower_tell_text(scene->follower, 0, &text), FOLLOWER_DONE);
	take_log(scene);
	assert_int_equal(scene->kinds[SYNC_ENTRY_TEXT], 3);
	text.total = 0;
	text.part.length = 0;
	assert_int_equal(follower_tell_text(scene->follower, 0, &text), FOLLOWER_DONE);
	take_log(scene);
	assert_int_equal(scene->kinds[SYNC_ENTRY_TEXT], 1);
}

static void
test_marks_are_told(void **state)
{
	struct scene *scene = *state;
	struct slot_custody *custody = shm_custody(&scene->shm, 1);

	begin(scene);
	open_slot(scene, 1);
	commit(scene, 0, 1, draft(scene, 1));
	step(scene);
	take_log(scene);
	assert_int_equal(scene->kinds[SYNC_ENTRY_MARK], 0);
	custody->mark_position = 5;
	atomic_store(&custody->marks, 1);
	commit(scene, 0, 1, draft(scene, 1));
	step(scene);
	step(scene);
	take_log(scene);
	assert_int_equal(scene->kinds[SYNC_ENTRY_MARK], 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
	    TEST(test_a_snapshot_begins_when_all_obey),
	    TEST(test_without_a_log),
	    TEST(test_what_is_acknowledged_is_let_go_in_order),
	    TEST(test_a_record_is_told_once),
	    TEST(test_what_is_not_told_changes_nothing),
	    TEST(test_a_session_that_cannot_be_told_holds_nobody_up),
	    TEST(test_a_big_session_is_told_in_parts),
	    TEST(test_the_end_of_a_session_is_seen),
	    TEST(test_a_journal_that_went_on_alone),
	    TEST(test_a_log_that_ends),
	    TEST(test_counters_that_have_changed),
	    TEST(test_a_text_is_told_in_parts),
	    TEST(test_marks_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
