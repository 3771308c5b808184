/* closed: the last sessions that have ended, from any worker, whole or not at all. */
#include "shm/closed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct closed_ring *ring;

static int
setup(void **state)
{
	(void)state;
	ring = mmap(NULL, sizeof(*ring), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return ring == MAP_FAILED ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	return munmap(ring, sizeof(*ring));
}

static void
add(uint64_t n)
{
	struct closed_entry entry = {.session_id = n, .opened_us = ~n, .commands = (uint32_t)n};

	trail_add(&entry.trail, (uint32_t)n, TRAIL_CLIENT, 221, "QUIT", 4);
	entry.bytes[SHM_SERVER] = n;
	closed_add(ring, &entry);
}

static void
expect(const struct closed_entry *entry, uint64_t n)
{
	struct trail_note notes[TRAIL_NOTES];

	assert_int_equal(entry->session_id, n);
	assert_int_equal(entry->opened_us, ~n);
	assert_int_equal(entry->commands, (uint32_t)n);
	assert_int_equal(entry->bytes[SHM_SERVER], n);
	assert_int_equal(trail_read(&entry->trail, notes), 1);
	assert_int_equal(notes[0].at_ms, (uint32_t)n);
}

static void
test_last_are_held(void **state)
{
	struct closed_entry entry;

	(void)state;
	assert_false(closed_read(ring, 0, &entry));
	for (uint64_t n = 0; n < CLOSED_ENTRIES + 10; n++)
		add(n);
	assert_int_equal(closed_tickets(ring), CLOSED_ENTRIES + 10);
	for (uint64_t n = 0; n < CLOSED_ENTRIES + 12; n++) {
		bool held = n >= 10 && n < CLOSED_ENTRIES + 10;

		assert_int_equal(closed_read(ring, n, &entry), held);
		if (held)
			expect(&entry, n);
	}
}

static void
test_unfinished_entry_is_passed_over(void **state)
{
	struct closed_entry entry;

	(void)state;
	for (uint64_t n = 0; n < 3; n++)
		add(n);
	ring->entry[1].sequence = 2 * 1 + 1; /* its writer has died in it */
	assert_true(closed_read(ring, 0, &entry));
	assert_false(closed_read(ring, 1, &entry));
	assert_true(closed_read(ring, 2, &entry));
	/* The next one to come round takes the place. */
	for (uint64_t n = 3; n <= CLOSED_ENTRIES + 1; n++)
		add(n);
	assert_true(closed_read(ring, CLOSED_ENTRIES + 1, &entry));
	expect(&entry, CLOSED_ENTRIES + 1);
}

static void
test_overtaken_writer_gives_up(void **state)
{
	struct closed_entry entry;

	(void)state;
	ring->entry[0].sequence = 2 * CLOSED_ENTRIES + 2; /* a round ahead of ticket 0 */
	ring->entry[0].session_id = 99;
	add(7);
	assert_true(closed_read(ring, CLOSED_ENTRIES, &entry));
	assert_int_equal(entry.session_id, 99);
}

static void
test_writers_beside_each_other(void **state)
{
	struct closed_entry entry;
	pid_t pid[3];
	uint64_t each[3] = {0};

	(void)state;
	for (uint64_t i = 0; i < 3; i++) {
		pid[i] = fork();
		assert_true(pid[i] >= 0);
		if (pid[i] == 0) {
			for (uint64_t n = 0; n < 1200; n++)
				add(i << 16 | n);
			_exit(0);
		}
	}
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(waitpid(pid[i], NULL, 0), pid[i]);
	assert_int_equal(closed_tickets(ring), 3600);
	for (uint64_t ticket = 0; ticket < 3600; ticket++) {
		assert_true(closed_read(ring, ticket, &entry));
		expect(&entry, entry.session_id);
		/* Each writer's own order is kept. */
		assert_int_equal(entry.session_id & 0xffff, each[entry.session_id >> 16]++);
	}
}

static void
test_reasons(void **state)
{
	(void)state;
	assert_string_equal(closed_reason_text(CLOSE_FINS), "TCP FINs");
	assert_string_equal(closed_reason_text(CLOSE_INVALID_RECORD), "Session state invalid");
	assert_string_equal(closed_reason_text(CLOSE_REASON_COUNT), "unknown");
	assert_string_equal(closed_reason_text(UINT32_MAX), "unknown");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_last_are_held),
	    TEST(test_unfinished_entry_is_passed_over),
	    TEST(test_overtaken_writer_gives_up),
	    TEST(test_writers_beside_each_other),
	    TEST(test_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
