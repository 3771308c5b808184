/* Which bytes a record needs, and how they are read from under their owner. */
#include "shm/streams.h"

#include "shm/chunk.h"
#include "shm/region.h"
#include "shm/session_digest.h"
#include "shm/slot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SLOT	   1u
#define GENERATION 3u
#define HALF	   (SHM_CHUNK_SIZE / 2)

static struct shm shm;
static struct chunk_cache cache;
static struct slot_session *session;
static struct record *draft;

static int
setup(void **state)
{
	struct shm_plan plan = {.slots = 4, .chunks = 32, .workers = 1};

	(void)state;
	if (shm_create(&shm, &plan) != 0)
		return -1;
	chunk_cache_init(&cache, 1);
	session = shm_session(&shm, SLOT);
	atomic_store(&shm_custody(&shm, SLOT)->generation, GENERATION);
	atomic_store(&shm_custody(&shm, SLOT)->state, SLOT_OPEN);
	draft = record_begin(session, GENERATION);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	shm_detach(&shm);
	return 0;
}

static void
append(struct window *window, unsigned chunks)
{
	for (unsigned i = 0; i < chunks; i++)
		assert_int_equal(window_append(window, &shm, &cache, SLOT), 0);
}

#define ASSERT_SPAN(span, first, last)                                                             \
	do {                                                                                       \
		struct stream_span span_ = (span);                                                 \
                                                                                                   \
		assert_int_equal(span_.from, first);                                               \
		assert_int_equal(span_.end, last);                                                 \
	} while (0)

static void
test_what_a_record_needs(void **state)
{
	struct outlet *outlet = &draft->outlet[SHM_SERVER];

	(void)state;
	outlet->input = 1000;
	outlet->text = 50;
	outlet_push(outlet, OUTLET_DROP, 200);
	outlet_push(outlet, OUTLET_SKIP, 5);
	outlet_push(outlet, OUTLET_KEEP, 300);
	outlet_push(outlet, OUTLET_INSERT, 20);
	outlet_push(outlet, OUTLET_DROP, 10);
	draft->position[SHM_CLIENT] = 1510;
	draft->stored[SHM_CLIENT] = 1700;
	ASSERT_SPAN(streams_needed(draft, SHM_CLIENT, STREAM_INPUT), 1200, 1700);
	ASSERT_SPAN(streams_needed(draft, SHM_SERVER, STREAM_TEXT), 55, 75);
	ASSERT_SPAN(streams_needed(draft, SHM_SERVER, STREAM_INPUT), 0, 0);
	ASSERT_SPAN(streams_needed(draft, SHM_CLIENT, STREAM_TEXT), 0, 0);
	draft->flags = RECORD_DRAINING;
	ASSERT_SPAN(streams_needed(draft, SHM_CLIENT, STREAM_INPUT), 1200, 1510);
	/* All of it is passed over. */
	outlet->count = 0;
	outlet_push(outlet, OUTLET_DROP, 510);
	ASSERT_SPAN(streams_needed(draft, SHM_CLIENT, STREAM_INPUT), 1510, 1510);
}

static void
test_what_a_window_holds_of_it(void **state)
{
	struct window *window = &session->input[SHM_CLIENT];
	struct stream_span span = {100, 900};

	(void)state;
	ASSERT_SPAN(streams_held(window, span), 900, 900);
	window_rebase(window, 60);
	append(window, 1);
	ASSERT_SPAN(streams_held(window, span), 100, 900);
	window_release_all(window, &shm, &cache, false);
	window_rebase(window, 500);
	append(window, 1);
	ASSERT_SPAN(streams_held(window, span), 500, 900);
	window_release_all(window, &shm, &cache, false);
	window_rebase(window, 900);
	append(window, 1);
	ASSERT_SPAN(streams_held(window, span), 900, 900);
	/* Damaged. */
	window->last = window->first + 100;
	ASSERT_SPAN(streams_held(window, span), 900, 900);
}

static void
test_copies_only_what_is_held(void **state)
{
	static uint8_t bytes[SHM_CHUNK_SIZE];
	struct window *window = &session->text[SHM_SERVER];

	(void)state;
	window_rebase(window, 1000);
	append(window, 2);
	assert_true(window_write(window, &shm, 1000 + HALF, "first", 5));
	assert_true(window_write(window, &shm, 998 + SHM_CHUNK_SIZE, "across", 6));
	assert_true(streams_copy(window, &shm, 1000 + HALF, bytes, 5));
	assert_memory_equal(bytes, "first", 5);
	assert_true(streams_copy(window, &shm, 998 + SHM_CHUNK_SIZE, bytes, 6));
	assert_memory_equal(bytes, "across", 6);
	assert_true(streams_copy(window, &shm, 0, NULL, 0));
	assert_false(streams_copy(window, &shm, 999, bytes, 1));
	assert_false(streams_copy(window, &shm, 999 + 2 * SHM_CHUNK_SIZE, bytes, 2));
	window->chunk[1] = shm.chunks;
	assert_false(streams_copy(window, &shm, 998 + SHM_CHUNK_SIZE, bytes, 6));
	window->last = 0;
	window->first = 1;
	assert_false(streams_copy(window, &shm, 1000 + HALF, bytes, 5));
}

/* The same session in other chunks, otherwise cut, and the other half for the second part. */
static void
make_session(unsigned phase, uint8_t half, const char *text, const char *extra)
{
	struct window *window = &session->input[SHM_CLIENT];

	window_rebase(window, 400000 - phase);
	append(window, 2);
	assert_true(window_write(window, &shm, 400000, text, strlen(text)));
	append(&session->extension, 1);
	assert_true(window_write(
	    &session->extension, &shm, half * (uint64_t)RECORD_EXTRA_SIZE, extra, strlen(extra)));
	draft->extra_half = half;
	draft->extra_length = (uint32_t)strlen(extra);
	draft->extra_check = record_checksum_bytes(extra, strlen(extra));
	draft->outlet[SHM_SERVER].input = 400000;
	draft->position[SHM_CLIENT] = 400000;
	draft->stored[SHM_CLIENT] = 400000 + strlen(text);
	record_publish(session, draft);
}

static void
test_digests_compare_what_counts(void **state)
{
	struct session_digest one, other;

	(void)state;
	assert_false(session_digest_read(&shm, SLOT, NULL, &one));
	assert_false(session_digest_read(&shm, shm.slots, NULL, &one));
	make_session(0, 0, "EHLO a\r\n", "state");
	assert_true(session_digest_read(&shm, SLOT, NULL, &one));
	assert_int_equal(one.from[SHM_CLIENT][STREAM_INPUT], 400000);
	assert_int_equal(one.end[SHM_CLIENT][STREAM_INPUT], 400008);

	teardown(NULL);
	setup(NULL);
	make_session(SHM_CHUNK_SIZE - 3, 1, "EHLO a\r\n", "state");
	assert_true(session_digest_read(&shm, SLOT, one.from, &other));
	assert_memory_equal(&one, &other, sizeof(one));

	/* Each difference shows in its own word. */
	*window_span(&session->input[SHM_CLIENT], &shm, 400002, 1, &(size_t){0}) = 'X';
	assert_true(session_digest_read(&shm, SLOT, one.from, &other));
	assert_int_not_equal(
	    one.bytes[SHM_CLIENT][STREAM_INPUT], other.bytes[SHM_CLIENT][STREAM_INPUT]);
	assert_int_equal(one.state, other.state);
	*window_span(&session->extension, &shm, RECORD_EXTRA_SIZE, 1, &(size_t){0}) = 'X';
	assert_true(session_digest_read(&shm, SLOT, one.from, &other));
	assert_int_not_equal(one.state, other.state);
	assert_int_equal(one.identity, other.identity);
	shm_custody(&shm, SLOT)->policy_hash++;
	shm_custody(&shm, SLOT)->leg[SHM_SERVER].base_written++;
	assert_true(session_digest_read(&shm, SLOT, one.from, &other));
	assert_int_not_equal(one.identity, other.identity);
	assert_int_not_equal(one.legs, other.legs);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
	    TEST(test_what_a_record_needs),
	    TEST(test_what_a_window_holds_of_it),
	    TEST(test_copies_only_what_is_held),
	    TEST(test_digests_compare_what_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
