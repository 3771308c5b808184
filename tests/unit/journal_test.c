/* journal: the order of commits; a reader that was overtaken is told so and goes on. */
#include "shm/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct journal_ring *ring;

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

/* Entry n says n in every field. */
static void
append(uint64_t n)
{
	const uint64_t stored[SHM_LEGS] = {n + 3, n + 4};

	assert_int_equal(journal_append(ring, (uint32_t)n, (uint32_t)n + 1, n + 2, stored), n);
}

static void
expect(const struct journal_entry *entry, uint64_t n)
{
	assert_int_equal(entry->lsn, n);
	assert_int_equal(entry->slot, (uint32_t)n);
	assert_int_equal(entry->generation, (uint32_t)n + 1);
	assert_int_equal(entry->sequence, n + 2);
	assert_int_equal(entry->stored[SHM_CLIENT], n + 3);
	assert_int_equal(entry->stored[SHM_SERVER], n + 4);
}

static void
test_in_order(void **state)
{
	struct journal_entry entry;
	uint64_t oldest = 0;

	(void)state;
	assert_int_equal(journal_read(ring, 1, &entry, &oldest), JOURNAL_EMPTY);
	for (uint64_t n = 1; n <= JOURNAL_ENTRIES; n++)
		append(n);
	for (uint64_t n = 1; n <= JOURNAL_ENTRIES; n++) {
		assert_int_equal(journal_read(ring, n, &entry, &oldest), JOURNAL_ENTRY);
		expect(&entry, n);
	}
	assert_int_equal(journal_read(ring, JOURNAL_ENTRIES + 1, &entry, &oldest), JOURNAL_EMPTY);
	assert_int_equal(oldest, 0);
}

static void
test_gap(void **state)
{
	struct journal_entry entry;
	uint64_t oldest;

	(void)state;
	for (uint64_t n = 1; n <= JOURNAL_ENTRIES + 5; n++)
		append(n);
	assert_int_equal(journal_read(ring, 5, &entry, &oldest), JOURNAL_GAP);
	assert_true(oldest > 5 && oldest <= JOURNAL_ENTRIES + 5);
	assert_int_equal(journal_read(ring, oldest, &entry, &oldest), JOURNAL_ENTRY);
	assert_int_equal(journal_read(ring, 6, &entry, &oldest), JOURNAL_ENTRY);
	assert_int_equal(journal_read(ring, 0, &entry, &oldest), JOURNAL_GAP);
}

/* However the memory looks, a reader never stands still. */
static void
test_damage_moves_the_reader_on(void **state)
{
	struct journal_entry entry;
	uint64_t oldest;

	(void)state;
	for (uint64_t n = 1; n <= 10; n++)
		append(n);
	ring->entry[4].lsn = 0;
	assert_int_equal(journal_read(ring, 4, &entry, &oldest), JOURNAL_GAP);
	assert_int_equal(oldest, 5);
	ring->head = UINT64_MAX;
	assert_int_equal(journal_read(ring, 7, &entry, &oldest), JOURNAL_GAP);
	assert_true(oldest > 7);
}

static void
test_reader_beside_writer(void **state)
{
	const uint64_t last = 400000;
	struct journal_entry entry;
	uint64_t lsn = 1, next, read = 0;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		for (uint64_t n = 1; n <= last; n++)
			append(n);
		_exit(0);
	}
	while (lsn <= last) {
		switch (journal_read(ring, lsn, &entry, &next)) {
		case JOURNAL_ENTRY:
			expect(&entry, lsn++);
			read++;
			break;
		case JOURNAL_GAP:
			assert_true(next > lsn && next <= last);
			lsn = next;
			break;
		case JOURNAL_EMPTY:
			assert_true(lsn <= last);
			break;
		}
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(read > 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_in_order),
	    TEST(test_gap),
	    TEST(test_damage_moves_the_reader_on),
	    TEST(test_reader_beside_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
