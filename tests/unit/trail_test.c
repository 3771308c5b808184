/* trail: the last notes, oldest first, none of them half written. */
#include "shm/trail.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct trail *trail;
static struct trail_note notes[TRAIL_NOTES];

static int
setup(void **state)
{
	(void)state;
	trail =
	    mmap(NULL, sizeof(*trail), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return trail == MAP_FAILED ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	return munmap(trail, sizeof(*trail));
}

/* Note n: its number as time, and as text that fills the note. */
static void
add(uint32_t n)
{
	char text[TRAIL_TEXT + 1];

	snprintf(text, sizeof(text), "%044u.", n);
	trail_add(trail, n, TRAIL_SERVER, (uint16_t)n, text, TRAIL_TEXT);
}

static void
expect(const struct trail_note *note, uint32_t n)
{
	char text[TRAIL_TEXT + 1];

	snprintf(text, sizeof(text), "%044u.", n);
	assert_int_equal(note->at_ms, n);
	assert_int_equal(note->code, (uint16_t)n);
	assert_int_equal(note->who, TRAIL_SERVER);
	assert_int_equal(note->length, TRAIL_TEXT);
	assert_memory_equal(note->text, text, TRAIL_TEXT);
}

static void
test_last_notes_oldest_first(void **state)
{
	(void)state;
	assert_int_equal(trail_read(trail, notes), 0);
	for (uint32_t n = 0; n < 40; n++) {
		uint32_t held = n + 1 < TRAIL_NOTES ? n + 1 : TRAIL_NOTES;

		add(n);
		assert_int_equal(trail_read(trail, notes), held);
		for (uint32_t i = 0; i < held; i++)
			expect(&notes[i], n + 1 - held + i);
	}
	trail_clear(trail);
	assert_int_equal(trail_read(trail, notes), 0);
}

static void
test_text_is_cut(void **state)
{
	char text[200];

	(void)state;
	memset(text, 'x', sizeof(text));
	trail_add(trail, 1, TRAIL_CLIENT, 250, text, sizeof(text));
	trail_add(trail, 2, TRAIL_GATEWAY, 0, NULL, 0);
	assert_int_equal(trail_read(trail, notes), 2);
	assert_int_equal(notes[0].length, TRAIL_TEXT);
	assert_int_equal(notes[0].text[TRAIL_TEXT], '\0');
	assert_int_equal(notes[1].length, 0);
	assert_int_equal(notes[1].text[0], '\0');
}

static void
test_damaged_notes_are_skipped(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 4; n++)
		add(n);
	trail->note[1].length = TRAIL_TEXT + 1;
	trail->note[2].who = 200;
	assert_int_equal(trail_read(trail, notes), 2);
	expect(&notes[0], 0);
	expect(&notes[1], 3);
	trail->count = UINT32_MAX; /* 16 notes that nobody wrote: bounded, whatever they say */
	assert_true(trail_read(trail, notes) <= TRAIL_NOTES);
}

static pid_t
start_writer(uint32_t from, uint32_t to)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		for (uint32_t n = from; n < to; n++)
			add(n);
		_exit(0);
	}
	return pid;
}

static void
expect_rising(size_t count)
{
	for (size_t i = 0; i < count; i++) {
		expect(&notes[i], notes[i].at_ms);
		if (i > 0)
			assert_true(notes[i].at_ms > notes[i - 1].at_ms);
	}
}

static void
test_reader_beside_writer(void **state)
{
	size_t reads = 0;
	pid_t pid = start_writer(0, 100000);

	(void)state;
	while (waitpid(pid, NULL, WNOHANG) == 0) {
		size_t count = trail_read(trail, notes);

		expect_rising(count);
		reads += count;
	}
	assert_true(reads > 0);
	assert_int_equal(trail_read(trail, notes), TRAIL_NOTES);
}

static void
test_writer_killed(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 50; round++) {
		uint32_t from = trail->count;
		pid_t pid = start_writer(from, UINT32_MAX);

		usleep(round * 19 % 500);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		expect_rising(trail_read(trail, notes));
	}
	assert_true(trail_read(trail, notes) >= TRAIL_NOTES - 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_last_notes_oldest_first),
	    TEST(test_text_is_cut),
	    TEST(test_damaged_notes_are_skipped),
	    TEST(test_reader_beside_writer),
	    TEST(test_writer_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
