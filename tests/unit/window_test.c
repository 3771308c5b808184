/* window: positions in chunks, and that a window somebody else wrote is checked before use. */
#include "shm/chunk.h"
#include "shm/process.h"
#include "shm/slot.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SLOT 2u

static const struct shm_plan plan = {.slots = 4, .chunks = 24, .workers = 1};
static struct shm shm;
static struct chunk_cache cache;
static struct slot_session *session;
static struct window *window;

static int
setup(void **state)
{
	(void)state;
	chunk_cache_init(&cache, PROCESS_OWNER(0, 1));
	if (shm_create(&shm, &plan) != 0)
		return -1;
	session = shm_session(&shm, SLOT);
	window = &session->input[SHM_CLIENT];
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
append(unsigned count)
{
	while (count-- > 0)
		assert_int_equal(window_append(window, &shm, &cache, SLOT), 0);
}

static void
test_empty(void **state)
{
	uint8_t byte;
	size_t length;

	(void)state;
	assert_true(window_is_empty(window));
	assert_false(window_is_full(window));
	assert_int_equal(window_start(window), 0);
	assert_int_equal(window_end(window), 0);
	assert_null(window_span(window, &shm, 0, 1, &length));
	assert_false(window_read(window, &shm, 0, &byte, 1));
	assert_true(window_read(window, &shm, 0, &byte, 0));
	assert_true(window_check(window, &shm, SLOT));
}

static void
test_full(void **state)
{
	(void)state;
	append(SHM_WINDOW_CHUNKS);
	assert_true(window_is_full(window));
	assert_int_equal(window_append(window, &shm, &cache, SLOT), -ENOSPC);
	assert_int_equal(window_end(window), SHM_WINDOW_CHUNKS * SHM_CHUNK_SIZE);
	window_release_all(window, &shm, &cache, false);
	assert_int_equal(chunk_count_free(&shm), plan.chunks);
}

static void
test_no_chunk(void **state)
{
	(void)state;
	while (chunk_take(&shm, &cache, 0) != SHM_NO_CHUNK)
		;
	assert_int_equal(window_append(window, &shm, &cache, SLOT), -ENOBUFS);
	assert_true(window_is_empty(window));
}

static uint8_t
byte_at(uint64_t position)
{
	return (uint8_t)(position * 2654435761u >> 13);
}

/* A stream of 3 MiB in uneven parts through a window that follows it. */
static void
test_stream_passes_through(void **state)
{
	static uint8_t part[70000];
	uint64_t written = 0, read = 0;
	unsigned step = 0;

	(void)state;
	while (read < 3u << 20) {
		size_t length = 1 + step++ * 7919u % sizeof(part);

		while (window_end(window) < written + length)
			append(1);
		for (size_t i = 0; i < length; i++)
			part[i] = byte_at(written + i);
		assert_true(window_write(window, &shm, written, part, length));
		written += length;
		length = (written - read) / (1 + step % 3);
		if (length > sizeof(part))
			length = sizeof(part);
		assert_true(window_read(window, &shm, read, part, length));
		for (size_t i = 0; i < length; i++)
			assert_int_equal(part[i], byte_at(read + i));
		read += length;
		window_release_below(window, &shm, &cache, read, false);
		assert_true(window_start(window) <= read);
		assert_true(read - window_start(window) < SHM_CHUNK_SIZE);
		assert_true(window_check(window, &shm, SLOT));
		while (written - read > 3 * SHM_CHUNK_SIZE) {
			assert_true(window_read(window, &shm, read, part, sizeof(part)));
			read += sizeof(part);
			window_release_below(window, &shm, &cache, read, false);
		}
	}
}

static void
test_span_ends_at_its_chunk(void **state)
{
	const uint64_t origin = 1000;
	size_t length;
	uint8_t *bytes;

	(void)state;
	window_rebase(window, origin);
	append(2);
	assert_null(window_span(window, &shm, origin - 1, 10, &length));
	bytes = window_span(window, &shm, origin, 10, &length);
	assert_ptr_equal(bytes, shm_chunk(&shm, window->chunk[0]));
	assert_int_equal(length, 10);
	bytes = window_span(window, &shm, origin + SHM_CHUNK_SIZE - 3, 10, &length);
	assert_ptr_equal(bytes, shm_chunk(&shm, window->chunk[0]) + SHM_CHUNK_SIZE - 3);
	assert_int_equal(length, 3);
	bytes = window_span(window, &shm, origin + SHM_CHUNK_SIZE, SIZE_MAX, &length);
	assert_ptr_equal(bytes, shm_chunk(&shm, window->chunk[1]));
	assert_int_equal(length, SHM_CHUNK_SIZE);
	assert_null(window_span(window, &shm, origin + 2 * SHM_CHUNK_SIZE, 1, &length));
	assert_null(window_span(window, &shm, UINT64_MAX, 1, &length));
}

static void
test_read_and_write_stay_inside(void **state)
{
	uint8_t bytes[4] = {1, 2, 3, 4};
	const uint64_t end = SHM_CHUNK_SIZE;

	(void)state;
	append(1);
	assert_true(window_write(window, &shm, end - 4, bytes, 4));
	assert_false(window_write(window, &shm, end - 3, bytes, 4));
	assert_false(window_read(window, &shm, end - 3, bytes, 4));
	assert_false(window_read(window, &shm, UINT64_MAX - 1, bytes, 4));
	assert_false(window_read(window, &shm, 0, bytes, SIZE_MAX));
	assert_int_equal(bytes[0], 1); /* nothing half done */
	assert_int_equal(shm_chunk(&shm, window->chunk[0])[end - 1], 4);
	assert_int_equal(shm_chunk(&shm, window->chunk[0])[end - 3], 2);
}

static void
test_release_below(void **state)
{
	(void)state;
	window_rebase(window, 500);
	append(3);
	window_release_below(window, &shm, &cache, 499, false);
	window_release_below(window, &shm, &cache, 0, false);
	window_release_below(window, &shm, &cache, 500 + SHM_CHUNK_SIZE - 1, false);
	assert_int_equal(window_start(window), 500);
	window_release_below(window, &shm, &cache, 500 + SHM_CHUNK_SIZE, false);
	assert_int_equal(window_start(window), 500 + SHM_CHUNK_SIZE);
	memset(shm_chunk(&shm, window->chunk[1]), 's', SHM_CHUNK_SIZE);
	window_release_below(window, &shm, &cache, 500 + 9ull * SHM_CHUNK_SIZE, true);
	assert_true(window_is_empty(window));
	assert_int_equal(shm_chunk(&shm, window->chunk[1])[77], 0);
	assert_int_equal(chunk_count_free(&shm), plan.chunks);
}

static void
test_rebase(void **state)
{
	static const uint64_t positions[] = {700001, 1ull << 40, 2000, 1, 0};
	uint8_t byte = 'b', seen = 0;

	(void)state;
	append(3);
	window_rebase(window, 9); /* not while it holds something */
	assert_int_equal(window_start(window), 0);
	window_release_all(window, &shm, &cache, false);
	/* Forward, and back to where it has been. */
	for (size_t i = 0; i < sizeof(positions) / sizeof(positions[0]); i++) {
		const uint64_t position = positions[i];

		window_rebase(window, position);
		assert_int_equal(window_start(window), position);
		assert_int_equal(window_end(window), position);
		append(1);
		assert_int_equal(window_end(window), position + SHM_CHUNK_SIZE);
		assert_true(window_write(window, &shm, position + 5, &byte, 1));
		assert_true(window_read(window, &shm, position + 5, &seen, 1));
		assert_int_equal(seen, byte);
		assert_true(window_check(window, &shm, SLOT));
		window_release_all(window, &shm, &cache, false);
	}
}

static void
test_foreign_chunks_are_refused(void **state)
{
	uint32_t foreign = chunk_take(&shm, &cache, SLOT + 1);

	(void)state;
	append(3);
	assert_true(window_check(window, &shm, SLOT));
	assert_false(window_check(window, &shm, SLOT + 1));
#define REFUSE(field, value)                                                                       \
	do {                                                                                       \
		uint32_t good = window->field;                                                     \
		window->field = (value);                                                           \
		assert_false(window_check(window, &shm, SLOT));                                    \
		window->field = good;                                                              \
	} while (0)
	REFUSE(chunk[1], foreign);
	REFUSE(chunk[1], plan.chunks);
	REFUSE(chunk[2], SHM_NO_CHUNK);
	REFUSE(chunk[2], window->chunk[0]); /* one chunk in two places */
	REFUSE(chunk[0], cache.chunk[0]);
	REFUSE(last, SHM_WINDOW_CHUNKS + 1);
	REFUSE(last, UINT32_MAX);
	REFUSE(first, 4);
	REFUSE(first, UINT32_MAX);
#undef REFUSE
	window->origin = UINT64_MAX - 2 * SHM_CHUNK_SIZE; /* the run goes round */
	assert_false(window_check(window, &shm, SLOT));
	window->origin = 0;
	assert_true(window_check(window, &shm, SLOT));
}

static void
test_chunk_in_two_windows_is_refused(void **state)
{
	struct window *other = &session->text[SHM_SERVER];

	(void)state;
	append(2);
	assert_int_equal(window_append(other, &shm, &cache, SLOT), 0);
	assert_int_equal(window_append(&session->extension, &shm, &cache, SLOT), 0);
	assert_true(window_check_slot(session, &shm, SLOT));
	assert_false(window_check_slot(session, &shm, SLOT + 1));
	other->chunk[0] = window->chunk[1];
	assert_true(window_check(other, &shm, SLOT)); /* alone it looks right */
	assert_false(window_check_slot(session, &shm, SLOT));
}

static void
test_number_does_not_come_again(void **state)
{
	(void)state;
	window->first = window->last = UINT32_MAX - 1;
	append(1);
	assert_int_equal(window_append(window, &shm, &cache, SLOT), -ENOSPC);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_empty),
	    TEST(test_full),
	    TEST(test_no_chunk),
	    TEST(test_stream_passes_through),
	    TEST(test_span_ends_at_its_chunk),
	    TEST(test_read_and_write_stay_inside),
	    TEST(test_release_below),
	    TEST(test_rebase),
	    TEST(test_foreign_chunks_are_refused),
	    TEST(test_chunk_in_two_windows_is_refused),
	    TEST(test_number_does_not_come_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
