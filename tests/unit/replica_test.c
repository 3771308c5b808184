/* Entries of the log in a standby's memory: what holds lies there, what does not changes nothing. */
#include "daemon/sync/replica.h"

#include "shm/chunk.h"
#include "shm/counters.h"
#include "shm/embryos.h"
#include "shm/peer_counters.h"
#include "shm/policy_area.h"
#include "shm/session_digest.h"
#include "shm/slot.h"
#include "shm/spoken.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SLOTS	   4u
#define CHUNKS	   24u
#define SLOT	   2u
#define GENERATION 7u

struct scene {
	struct shm shm;
	struct replica *replica;
	uint64_t lsn;
	uint32_t texts;
	char text[32];
	/* The entry in the making. */
	struct record record;
	struct sync_identity identity;
	struct sync_leg leg[SHM_LEGS];
	struct sync_piece piece[SYNC_PIECES_MAX];
	struct sync_trim trim[SYNC_TRIMS_MAX];
	struct sync_entry entry;
};

static uint8_t bytes[SYNC_PIECE_MAX];

static void
take_text(void *owner, const struct sync_text *text)
{
	struct scene *scene = owner;

	scene->texts++;
	assert_int_equal(text->total, text->part.length);
	assert_true(text->total < sizeof(scene->text));
	memcpy(scene->text, text->part.data, text->total);
	scene->text[text->total] = '\0';
}

static void
open_replica(struct scene *scene)
{
	struct replica_settings settings = {&scene->shm, take_text, scene};

	scene->replica = replica_create(&settings);
	assert_non_null(scene->replica);
}

static int
set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct shm_plan plan = {.slots = SLOTS, .chunks = CHUNKS, .workers = 1};

	assert_non_null(scene);
	assert_int_equal(shm_create(&scene->shm, &plan), 0);
	memset(bytes, 'b', sizeof(bytes));
	open_replica(scene);
	*state = scene;
	return 0;
}

static int
tear_down(void **state)
{
	struct scene *scene = *state;

	replica_destroy(scene->replica);
	shm_detach(&scene->shm);
	free(scene);
	return 0;
}

/* A whole session with a record of that sequence, which the caller may change before store(). */
static struct sync_session *
make(struct scene *scene, uint64_t sequence)
{
	struct sync_session *session = &scene->entry.session;

	memset(&scene->record, 0, sizeof(scene->record));
	scene->record.generation = GENERATION;
	scene->record.version = record_version();
	scene->record.sequence = sequence;
	scene->identity = (struct sync_identity){
	    .session_id = 77, .policy = 0x1234, .class_name = "mail", .mode = SLOT_RELAY};
	for (uint32_t leg = 0; leg < SHM_LEGS; leg++)
		scene->leg[leg] = (struct sync_leg){.leg = leg,
		    .state = LEG_OPEN,
		    .peer = {{(const uint8_t *)"\x0a\0\0\x01", 4}, 25}};
	scene->entry.kind = SYNC_ENTRY_SESSION;
	*session = (struct sync_session){
	    .slot = SLOT,
	    .generation = GENERATION,
	    .whole = true,
	    .identity = &scene->identity,
	    .legs = SHM_LEGS,
	    .leg = scene->leg,
	    .sequence = sequence,
	    .record = {(const uint8_t *)&scene->record, sizeof(scene->record)},
	    .piece = scene->piece,
	    .trim = scene->trim,
	};
	return session;
}

/* The same session, later. */
static struct sync_session *
make_change(struct scene *scene, uint64_t sequence)
{
	struct sync_session *session = make(scene, sequence);

	session->whole = false;
	session->identity = NULL;
	session->legs = 0;
	return session;
}

static void
add_piece(struct scene *scene, uint32_t leg, uint32_t window, uint64_t position, size_t length)
{
	struct sync_session *session = &scene->entry.session;

	scene->piece[session->pieces++] =
	    (struct sync_piece){leg, window, position, {bytes, length}};
}

static void
receive(struct scene *scene, uint64_t from, size_t length)
{
	add_piece(scene, SHM_CLIENT, SYNC_INPUT, from, length);
	scene->record.stored[SHM_CLIENT] = from + length;
}

static enum sync_reason
store_sealed(struct scene *scene)
{
	return replica_store(scene->replica, ++scene->lsn, &scene->entry);
}

static enum sync_reason
store(struct scene *scene)
{
	scene->record.check = record_checksum(&scene->record);
	return store_sealed(scene);
}

static struct session_digest
digest(const struct scene *scene)
{
	struct session_digest digest;

	assert_true(session_digest_read(&scene->shm, SLOT, NULL, &digest));
	return digest;
}

static uint32_t
chunks_used(const struct scene *scene)
{
	return chunk_count_used(&scene->shm, 0, CHUNKS);
}

static uint32_t
slot_state(const struct scene *scene)
{
	return atomic_load(&shm_custody(&scene->shm, SLOT)->state);
}

/* Refused for that reason, and the session is what it was. */
#define ASSERT_REFUSED(scene, how, reason)                                                         \
	do {                                                                                       \
		struct session_digest before_ = digest(scene), after_;                             \
		uint32_t used_ = chunks_used(scene);                                               \
                                                                                                   \
		assert_int_equal(how(scene), reason);                                              \
		after_ = digest(scene);                                                            \
		assert_memory_equal(&before_, &after_, sizeof(before_));                           \
		assert_int_equal(chunks_used(scene), used_);                                       \
	} while (0)

static void
test_a_session_lies_in_its_slot(void **state)
{
	struct scene *scene = *state;
	const struct slot_custody *custody = shm_custody(&scene->shm, SLOT);
	struct record record;
	uint8_t read[100];

	make(scene, 5);
	scene->record.flags = RECORD_SPOKEN;
	receive(scene, 1000, 100);
	scene->record.outlet[SHM_SERVER].input = scene->record.position[SHM_CLIENT] = 1000;
	assert_int_equal(store(scene), SYNC_GOOD);
	assert_int_equal(slot_state(scene), SLOT_REPLICA);
	assert_int_equal(atomic_load(&custody->generation), GENERATION);
	assert_int_equal(custody->session_id, 77);
	assert_int_equal(custody->mode, SLOT_RELAY);
	assert_string_equal(custody->class_name, "mail");
	assert_int_equal(custody->policy_slot, SHM_NO_SLOT);
	assert_int_equal(custody->leg[SHM_SERVER].peer.port, 25);
	assert_int_equal(custody->leg[SHM_SERVER].peer.family, 4);
	assert_true(record_read(shm_session(&scene->shm, SLOT), GENERATION, &record));
	assert_int_equal(record.sequence, 5);
	assert_true(window_read(&shm_session(&scene->shm, SLOT)->input[SHM_CLIENT], &scene->shm,
	    1000, read, sizeof(read)));
	assert_memory_equal(read, bytes, sizeof(read));
	assert_int_equal(replica_sessions(scene->replica), 1);
	assert_int_equal(spoken_word(&scene->shm, 0), 1u << SLOT);

	/* Consumed and sent: nothing is needed, no chunk is held. */
	make_change(scene, 6);
	scene->record.outlet[SHM_SERVER].input = 1100;
	scene->record.position[SHM_CLIENT] = scene->record.stored[SHM_CLIENT] = 1100;
	assert_int_equal(store(scene), SYNC_GOOD);
	assert_int_equal(chunks_used(scene), 0);
	assert_int_equal(digest(scene).sequence, 6);
}

static void
test_slots_of_others_are_left_alone(void **state)
{
	struct scene *scene = *state;
	struct slot_custody *custody = shm_custody(&scene->shm, SLOT);

	for (uint32_t own = SLOT_OPENING; own <= SLOT_TAKEN; own++) {
		atomic_store(&custody->state, own);
		atomic_store(&custody->generation, 3);
		make(scene, 1);
		assert_int_equal(store(scene), SYNC_BAD_BUSY_SLOT);
		assert_int_equal(atomic_load(&custody->state), own);
		assert_int_equal(atomic_load(&custody->generation), 3);
	}
	make(scene, 1)->slot = SLOTS;
	assert_int_equal(store(scene), SYNC_BAD_SLOT);
	atomic_store(&custody->state, SLOT_FREE);
	make_change(scene, 2);
	assert_int_equal(store(scene), SYNC_BAD_NO_BASE);
	make(scene, 1)->legs = 1;
	assert_int_equal(store(scene), SYNC_BAD_LEG);
	assert_int_equal(replica_sessions(scene->replica), 0);
}

static void
test_records_that_do_not_hold(void **state)
{
	struct scene *scene = *state;

	make(scene, 5);
	assert_int_equal(store(scene), SYNC_GOOD);
	make_change(scene, 6)->record.length--;
	ASSERT_REFUSED(scene, store, SYNC_BAD_RECORD);
	make_change(scene, 6);
	ASSERT_REFUSED(scene, store_sealed, SYNC_BAD_RECORD_STATE);
	make_change(scene, 6);
	scene->record.version++;
	ASSERT_REFUSED(scene, store, SYNC_BAD_NO_RECORD_VERSION);
	make_change(scene, 6);
	scene->record.generation++;
	ASSERT_REFUSED(scene, store, SYNC_BAD_RECORD_STATE);
	make_change(scene, 6)->sequence = 7;
	ASSERT_REFUSED(scene, store, SYNC_BAD_RECORD_STATE);
	make_change(scene, 4);
	ASSERT_REFUSED(scene, store, SYNC_BAD_RECORD_STATE);
	make_change(scene, 6);
	scene->record.position[SHM_CLIENT] = 1; /* above what is stored */
	ASSERT_REFUSED(scene, store, SYNC_BAD_RECORD_STATE);
	make_change(scene, 6)->generation++;
	ASSERT_REFUSED(scene, store, SYNC_BAD_NO_BASE);
	make_change(scene, 6);
	assert_int_equal(store(scene), SYNC_GOOD);
}

static void
set_extra(struct scene *scene, const char *extra)
{
	scene->record.extra_length = (uint32_t)strlen(extra);
	scene->record.extra_check = record_checksum_bytes(extra, strlen(extra));
	scene->record.extra_half = 0;
	scene->entry.session.extra = (struct sync_bytes){(const uint8_t *)extra, strlen(extra)};
}

static bool
has_extra(const struct scene *scene, const char *extra)
{
	const struct slot_session *session = shm_session(&scene->shm, SLOT);
	const struct record *record = record_current(session);
	char read[16];

	return record->extra_length == strlen(extra) &&
	       window_read(&session->extension, &scene->shm,
		   record->extra_half * (uint64_t)RECORD_EXTRA_SIZE, read, strlen(extra)) &&
	       memcmp(read, extra, strlen(extra)) == 0;
}

static void
test_the_second_part_belongs_to_its_record(void **state)
{
	struct scene *scene = *state;
	const struct slot_session *session = shm_session(&scene->shm, SLOT);

	make(scene, 1);
	set_extra(scene, "first");
	assert_int_equal(store(scene), SYNC_GOOD);
	assert_true(has_extra(scene, "first"));
	/* The next one lies beside it, whichever half it had there. */
	make_change(scene, 2);
	set_extra(scene, "second");
	assert_int_equal(store(scene), SYNC_GOOD);
	assert_true(has_extra(scene, "second"));
	assert_memory_equal(
	    window_span(&session->extension, &scene->shm, 0, 5, &(size_t){0}), "first", 5);
	/* Unchanged: it is not told again. */
	make_change(scene, 3);
	set_extra(scene, "second");
	scene->entry.session.extra = (struct sync_bytes){0};
	assert_int_equal(store(scene), SYNC_GOOD);
	assert_true(has_extra(scene, "second"));

	make_change(scene, 4);
	set_extra(scene, "third");
	scene->entry.session.extra = (struct sync_bytes){0};
	ASSERT_REFUSED(scene, store, SYNC_BAD_EXTRA);
	make_change(scene, 4);
	set_extra(scene, "third");
	scene->record.extra_check++;
	ASSERT_REFUSED(scene, store, SYNC_BAD_EXTRA);
	make_change(scene, 4);
	set_extra(scene, "third");
	scene->record.extra_length--;
	ASSERT_REFUSED(scene, store, SYNC_BAD_EXTRA);
	make_change(scene, 4);
	assert_int_equal(store(scene), SYNC_GOOD);
	assert_int_equal(chunks_used(scene), 0);
}

static void
test_bytes_follow_those_held(void **state)
{
	struct scene *scene = *state;

	make(scene, 1);
	receive(scene, 50, 100);
	assert_int_equal(store(scene), SYNC_GOOD);
	make_change(scene, 2);
	receive(scene, 149, 10);
	ASSERT_REFUSED(scene, store, SYNC_BAD_PIECE_GAP);
	make_change(scene, 2);
	receive(scene, 151, 10);
	ASSERT_REFUSED(scene, store, SYNC_BAD_PIECE_GAP);
	make_change(scene, 2);
	receive(scene, 150, 10);
	receive(scene, 150, 10);
	ASSERT_REFUSED(scene, store, SYNC_BAD_PIECE_GAP);
	/* Unless the active says that it has nothing below either. */
	make_change(scene, 2);
	scene->trim[scene->entry.session.trims++] =
	    (struct sync_trim){SHM_CLIENT, SYNC_INPUT, 100000};
	receive(scene, 100000, 10);
	receive(scene, 100010, 10);
	assert_int_equal(store(scene), SYNC_GOOD);
	assert_int_equal(digest(scene).from[SHM_CLIENT][STREAM_INPUT], 100000);
	assert_int_equal(digest(scene).end[SHM_CLIENT][STREAM_INPUT], 100020);
	/* What a record says is stored and nobody told is not taken for what is held. */
	make_change(scene, 3);
	scene->record.stored[SHM_CLIENT] = 100030;
	assert_int_equal(store(scene), SYNC_GOOD);
	assert_int_equal(chunks_used(scene), 0);
	make_change(scene, 4);
	receive(scene, 100030, 10);
	assert_int_equal(store(scene), SYNC_GOOD);
	assert_int_equal(digest(scene).from[SHM_CLIENT][STREAM_INPUT], 100030);
}

static void
test_a_window_holds_so_much(void **state)
{
	struct scene *scene = *state;

	make(scene, 1);
	assert_int_equal(store(scene), SYNC_GOOD);
	make_change(scene, 2);
	for (unsigned i = 0; i < SHM_WINDOW_CHUNKS; i++)
		receive(scene, i * (uint64_t)SYNC_PIECE_MAX, SYNC_PIECE_MAX);
	assert_int_equal(store(scene), SYNC_GOOD);
	make_change(scene, 3);
	receive(scene, SHM_WINDOW_CHUNKS * (uint64_t)SYNC_PIECE_MAX, 1);
	ASSERT_REFUSED(scene, store, SYNC_BAD_WINDOW);
	/* What the new record does not need makes room for what it needs. */
	make_change(scene, 3);
	receive(scene, SHM_WINDOW_CHUNKS * (uint64_t)SYNC_PIECE_MAX, 1);
	scene->record.position[SHM_CLIENT] = scene->record.outlet[SHM_SERVER].input =
	    SHM_CHUNK_SIZE;
	assert_int_equal(store(scene), SYNC_GOOD);
	assert_int_equal(digest(scene).from[SHM_CLIENT][STREAM_INPUT], SHM_CHUNK_SIZE);
}

static void
test_chunks_run_out(void **state)
{
	struct scene *scene = *state;
	struct chunk_cache cache;
	struct session_digest before, after;

	chunk_cache_init(&cache, 1);
	cache.most = 0;
	for (uint32_t i = 0; i < CHUNKS - 2; i++)
		assert_int_not_equal(chunk_take(&scene->shm, &cache, 0), SHM_NO_CHUNK);
	make(scene, 1);
	receive(scene, 0, 10);
	assert_int_equal(store(scene), SYNC_GOOD);
	before = digest(scene);
	make_change(scene, 2);
	receive(scene, 10, SYNC_PIECE_MAX);
	receive(scene, 10 + SYNC_PIECE_MAX, SYNC_PIECE_MAX);
	assert_int_equal(store(scene), SYNC_BAD_CHUNKS);
	after = digest(scene);
	assert_memory_equal(&before, &after, sizeof(before));
	/* It looks again when it is asked again. */
	assert_int_equal(chunks_used(scene), CHUNKS);
	chunk_give(&scene->shm, &cache, 0, false);
	replica_begin(scene->replica);
	make(scene, 2);
	receive(scene, 0, SYNC_PIECE_MAX);
	assert_int_equal(store(scene), SYNC_GOOD);
	replica_forget_all(scene->replica);
	assert_int_equal(chunks_used(scene), CHUNKS - 3);
}

/* A SYN-ACK to that port of the peer of make(), from port 0 as the session's leg says. */
static enum sync_reason
store_embryo(struct scene *scene, uint32_t port)
{
	struct sync_entry entry = {
	    .kind = SYNC_ENTRY_EMBRYO,
	    .embryo = {.number = 1, .peer = {{(const uint8_t *)"\x0a\0\0\x01", 4}, port}},
	};

	return replica_store(scene->replica, ++scene->lsn, &entry);
}

static void
test_embryos_wait_for_their_session(void **state)
{
	struct scene *scene = *state;
	const struct embryos *embryos = shm_embryos(&scene->shm);

	replica_begin(scene->replica);
	assert_int_equal(store_embryo(scene, 25), SYNC_GOOD);
	assert_int_equal(store_embryo(scene, 26), SYNC_GOOD);
	assert_int_equal(embryos->count, 2);
	make(scene, 1);
	assert_int_equal(store(scene), SYNC_GOOD);
	assert_int_equal(embryos->count, 1);
	assert_int_equal(embryos->entry[0].peer.port, 26);
	/* Another snapshot does not take back what is known. */
	replica_begin(scene->replica);
	assert_int_equal(embryos->count, 1);
	replica_forget_all(scene->replica);
	assert_int_equal(embryos->count, 0);
}

static enum sync_reason
end_snapshot(struct scene *scene)
{
	struct sync_entry entry = {.kind = SYNC_ENTRY_SNAPSHOT_END};

	return replica_store(scene->replica, ++scene->lsn, &entry);
}

static void
test_what_a_snapshot_does_not_tell_is_dropped(void **state)
{
	struct scene *scene = *state;
	struct slot_custody *other = shm_custody(&scene->shm, SLOT + 1);

	replica_begin(scene->replica);
	make(scene, 1);
	receive(scene, 0, 10);
	assert_int_equal(store(scene), SYNC_GOOD);
	make(scene, 1)->slot = SLOT + 1;
	assert_int_equal(store(scene), SYNC_GOOD);
	assert_int_equal(end_snapshot(scene), SYNC_GOOD);
	assert_int_equal(replica_sessions(scene->replica), 2);

	replica_begin(scene->replica);
	make(scene, 3)->slot = SLOT + 1;
	assert_int_equal(store(scene), SYNC_GOOD);
	assert_int_equal(replica_sessions(scene->replica), 2);
	assert_int_equal(end_snapshot(scene), SYNC_GOOD);
	assert_int_equal(replica_sessions(scene->replica), 1);
	assert_int_equal(slot_state(scene), SLOT_FREE);
	assert_int_equal(atomic_load(&other->state), SLOT_REPLICA);
	assert_int_equal(chunks_used(scene), 0);

	/* Told, but not to its record. */
	replica_begin(scene->replica);
	make(scene, 1)->sequence = 0;
	assert_int_equal(store(scene), SYNC_GOOD);
	assert_int_equal(end_snapshot(scene), SYNC_BAD_INCOMPLETE);
}

static void
test_an_ended_session_leaves_the_slot_as_new(void **state)
{
	struct scene *scene = *state;
	struct slot_custody *custody = shm_custody(&scene->shm, SLOT);
	struct sync_entry ended = {.kind = SYNC_ENTRY_ENDED, .ended = {SLOT, GENERATION}};

	atomic_store(&custody->generation, 40);
	make(scene, 1);
	receive(scene, 0, 10);
	scene->record.flags = RECORD_SPOKEN;
	assert_int_equal(store(scene), SYNC_GOOD);
	assert_int_equal(atomic_load(&custody->generation), GENERATION);
	assert_int_equal(replica_store(scene->replica, ++scene->lsn, &ended), SYNC_GOOD);
	assert_int_equal(slot_state(scene), SLOT_FREE);
	/* This host's next session has a name that neither had. */
	assert_int_equal(atomic_load(&custody->generation), 40);
	assert_int_equal(chunks_used(scene), 0);
	assert_int_equal(spoken_word(&scene->shm, 0), 0);
	assert_null(record_current(shm_session(&scene->shm, SLOT)));
	assert_int_equal(replica_store(scene->replica, ++scene->lsn, &ended), SYNC_BAD_NO_BASE);
}

static void
test_bytes_that_may_be_credentials_are_wiped(void **state)
{
	struct scene *scene = *state;
	const uint8_t *chunk;

	make(scene, 1)->secret = true;
	receive(scene, 0, 10);
	assert_int_equal(store(scene), SYNC_GOOD);
	chunk = window_span(
	    &shm_session(&scene->shm, SLOT)->input[SHM_CLIENT], &scene->shm, 0, 1, &(size_t){0});
	assert_int_equal(chunk[0], 'b');
	replica_forget_all(scene->replica);
	assert_int_equal(chunk[0], 0);
}

/* Nobody knows where they stand in the log. */
static void
test_what_a_dead_sync_left_is_dropped(void **state)
{
	struct scene *scene = *state;

	make(scene, 1);
	receive(scene, 0, SYNC_PIECE_MAX);
	receive(scene, SYNC_PIECE_MAX, SYNC_PIECE_MAX);
	assert_int_equal(store(scene), SYNC_GOOD);
	/* It died while it changed a window. */
	shm_session(&scene->shm, SLOT)->input[SHM_CLIENT].chunk[0] = CHUNKS + 7;
	replica_destroy(scene->replica);
	open_replica(scene);
	assert_int_equal(replica_sessions(scene->replica), 0);
	assert_int_equal(slot_state(scene), SLOT_FREE);
	assert_int_equal(chunks_used(scene), 0);
	make(scene, 1);
	assert_int_equal(store(scene), SYNC_GOOD);
}

/* A host takes over, and loses its sessions again: the supervisor says so by the slot's state. */
static void
test_what_was_served_is_taken_away(void **state)
{
	struct scene *scene = *state;
	_Atomic uint32_t *slot = &shm_custody(&scene->shm, SLOT)->state;

	make(scene, 1);
	receive(scene, 0, SYNC_PIECE_MAX);
	assert_int_equal(store(scene), SYNC_GOOD);
	atomic_store(slot, SLOT_OPEN);
	replica_serve_all(scene->replica);
	assert_int_equal(replica_sessions(scene->replica), 0);
	assert_int_equal(slot_state(scene), SLOT_OPEN);
	assert_true(chunks_used(scene) > 0);
	replica_drop_left(scene->replica);
	assert_int_equal(slot_state(scene), SLOT_OPEN);
	atomic_store(slot, SLOT_REPLICA);
	replica_drop_left(scene->replica);
	assert_int_equal(slot_state(scene), SLOT_FREE);
	assert_int_equal(chunks_used(scene), 0);
	/* What is held of the other host stays. */
	make(scene, 1);
	assert_int_equal(store(scene), SYNC_GOOD);
	replica_drop_left(scene->replica);
	assert_int_equal(slot_state(scene), SLOT_REPLICA);
}

static void
test_marks_counters_and_policies(void **state)
{
	struct scene *scene = *state;
	const struct slot_custody *custody = shm_custody(&scene->shm, SLOT);
	struct policy_slot *policy = &shm_policy(&scene->shm)->slot[9];
	struct sync_entry mark = {
	    .kind = SYNC_ENTRY_MARK, .mark = {SLOT, GENERATION, SHM_SERVER, 4711, 2}};
	struct sync_counter counter[] = {{"commits", 5}, {"of.another.version", 6}};
	struct sync_entry counters = {.kind = SYNC_ENTRY_COUNTERS, .counters = {2, counter}};
	uint64_t value, log, hash = 0x1234;
	struct peer_counters read;

	assert_int_equal(replica_store(scene->replica, ++scene->lsn, &mark), SYNC_BAD_NO_BASE);
	make(scene, 1);
	assert_int_equal(store(scene), SYNC_GOOD);
	assert_int_equal(replica_store(scene->replica, ++scene->lsn, &mark), SYNC_GOOD);
	assert_int_equal(atomic_load(&custody->marks), 2);
	assert_int_equal(custody->mark_position, 4711);
	assert_int_equal(custody->mark_direction, SHM_SERVER);

	assert_int_equal(replica_store(scene->replica, ++scene->lsn, &counters), SYNC_GOOD);
	counter[0].value = 50;
	assert_int_equal(replica_store(scene->replica, ++scene->lsn, &counters), SYNC_GOOD);
	assert_true(peer_counters_read(shm_peer_counters(&scene->shm), &read));
	assert_true(peer_counters_get(&read, "commits", &value));
	assert_int_equal(value, 50);
	assert_true(peer_counters_get(&read, "of.another.version", &value));
	assert_int_equal(value, 6);
	assert_false(peer_counters_get(&read, "none", &value));
	log = read.log;
	replica_begin(scene->replica);
	assert_true(peer_counters_read(shm_peer_counters(&scene->shm), &read));
	assert_int_equal(read.count, 0);
	assert_true(read.log > log);

	memcpy(policy->generation, &hash, sizeof(hash));
	policy->size = 1;
	atomic_store(&policy->state, POLICY_READY);
	assert_int_equal(custody->policy_slot, SHM_NO_SLOT);
	replica_find_policies(scene->replica);
	assert_int_equal(custody->policy_slot, 9);
}

static void
store_counter(struct scene *scene, char *name, uint64_t value)
{
	struct sync_counter counter = {name, value};
	struct sync_entry entry = {.kind = SYNC_ENTRY_COUNTERS, .counters = {1, &counter}};

	assert_int_equal(replica_store(scene->replica, ++scene->lsn, &entry), SYNC_GOOD);
}

/* Each change of a policy has brought other names: those of the one that is loaded stay. */
static void
test_counters_of_policies_that_are_gone(void **state)
{
	static struct peer_counters read;
	struct scene *scene = *state;
	struct policy_slot *policy = &shm_policy(&scene->shm)->slot[9];
	char name[COUNTER_RULE_NAME_SIZE], others[] = "commits";
	uint64_t value, loaded = 0x1234;

	memcpy(policy->generation, &loaded, sizeof(loaded));
	policy->size = 1;
	atomic_store(&policy->state, POLICY_READY);
	store_counter(scene, others, 5);
	for (uint32_t i = 1; i < PEER_COUNTERS_MAX; i++) {
		counter_rule_name(i % 64 == 1 ? loaded : 0x5678 + i % 64, i / 64, name);
		store_counter(scene, name, i);
	}
	assert_true(peer_counters_read(shm_peer_counters(&scene->shm), &read));
	assert_int_equal(read.count, PEER_COUNTERS_MAX);
	counter_rule_name(0x9999, 1, name);
	store_counter(scene, name, 77);
	assert_true(peer_counters_read(shm_peer_counters(&scene->shm), &read));
	assert_int_equal(read.count, 1 + PEER_COUNTERS_MAX / 64 + 1);
	assert_int_equal(read.not_kept, 0);
	assert_true(peer_counters_get(&read, name, &value));
	assert_int_equal(value, 77);
	counter_rule_name(loaded, 3, name);
	assert_true(peer_counters_get(&read, name, &value));
	assert_int_equal(value, 3 * 64 + 1);
}

static void
test_no_room_for_counters(void **state)
{
	static struct peer_counters read;
	struct scene *scene = *state;
	char name[32];

	for (uint32_t i = 0; i < PEER_COUNTERS_MAX + 2; i++) {
		snprintf(name, sizeof(name), "counter.%u", i);
		store_counter(scene, name, i);
	}
	assert_true(peer_counters_read(shm_peer_counters(&scene->shm), &read));
	assert_int_equal(read.count, PEER_COUNTERS_MAX);
	assert_int_equal(read.not_kept, 2);
	replica_begin(scene->replica);
	assert_true(peer_counters_read(shm_peer_counters(&scene->shm), &read));
	assert_int_equal(read.not_kept, 0);
}

static enum sync_reason
store_text(struct scene *scene, uint32_t total, uint32_t offset, const char *part, char name)
{
	uint8_t generation[SYNC_GENERATION_SIZE];
	struct sync_entry entry = {
	    .kind = SYNC_ENTRY_TEXT,
	    .text = {.kind = SYNC_TEXT_STARTUP,
		.generation = {generation, sizeof(generation)},
		.saved = "",
		.by = "",
		.total = total,
		.offset = offset,
		.part = {(const uint8_t *)part, strlen(part)}},
	};

	memset(generation, name, sizeof(generation));
	return replica_store(scene->replica, ++scene->lsn, &entry);
}

static void
test_texts_come_in_their_order(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(store_text(scene, 6, 0, "abc", 'x'), SYNC_GOOD);
	assert_int_equal(scene->texts, 0);
	assert_int_equal(store_text(scene, 6, 3, "def", 'x'), SYNC_GOOD);
	assert_int_equal(scene->texts, 1);
	assert_string_equal(scene->text, "abcdef");
	assert_int_equal(store_text(scene, 6, 3, "def", 'x'), SYNC_BAD_TEXT_ORDER);
	assert_int_equal(store_text(scene, 6, 0, "abc", 'x'), SYNC_GOOD);
	assert_int_equal(store_text(scene, 6, 4, "ef", 'x'), SYNC_BAD_TEXT_ORDER);
	assert_int_equal(store_text(scene, 7, 3, "defg", 'x'), SYNC_BAD_TEXT_ORDER);
	assert_int_equal(store_text(scene, 6, 3, "def", 'y'), SYNC_BAD_TEXT_ORDER);
	/* Another one may begin at any time. */
	assert_int_equal(store_text(scene, 0, 0, "", 'z'), SYNC_GOOD);
	assert_int_equal(scene->texts, 2);
	assert_string_equal(scene->text, "");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
	    TEST(test_a_session_lies_in_its_slot),
	    TEST(test_slots_of_others_are_left_alone),
	    TEST(test_records_that_do_not_hold),
	    TEST(test_the_second_part_belongs_to_its_record),
	    TEST(test_bytes_follow_those_held),
	    TEST(test_a_window_holds_so_much),
	    TEST(test_chunks_run_out),
	    TEST(test_what_a_snapshot_does_not_tell_is_dropped),
	    TEST(test_an_ended_session_leaves_the_slot_as_new),
	    TEST(test_bytes_that_may_be_credentials_are_wiped),
	    TEST(test_what_a_dead_sync_left_is_dropped),
	    TEST(test_what_was_served_is_taken_away),
	    TEST(test_marks_counters_and_policies),
	    TEST(test_counters_of_policies_that_are_gone),
	    TEST(test_no_room_for_counters),
	    TEST(test_embryos_wait_for_their_session),
	    TEST(test_texts_come_in_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
