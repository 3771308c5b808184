/* event_ring: what is read is whole and in order, and what is lost is counted. */
#include "shm/event_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct event_ring *ring;

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
write_event(uint64_t n)
{
	struct event event;

	event_init(&event, 109001, n);
	event.number[0] = n;
	event.number[3] = ~n;
	event_add_text(&event, (const char *)&n, sizeof(n));
	event_ring_write(ring, &event);
}

static void
expect(const struct event *event, uint64_t n)
{
	const char *text;
	size_t length;

	assert_int_equal(event->sequence, n + 1);
	assert_int_equal(event->session_id, n);
	assert_int_equal(event->number[0], n);
	assert_int_equal(event->number[3], ~n);
	event_text(event, 0, &text, &length);
	assert_int_equal(length, sizeof(n));
	assert_memory_equal(text, &n, sizeof(n));
}

static void
test_in_order(void **state)
{
	struct event event;
	uint64_t cursor = 0, lost = 0;

	(void)state;
	assert_false(event_ring_read(ring, &cursor, &event, &lost));
	for (uint64_t n = 0; n < 3 * EVENT_RING_ENTRIES; n++) {
		write_event(n);
		assert_true(event_ring_read(ring, &cursor, &event, &lost));
		expect(&event, n);
		assert_true(event.realtime_us > 1577836800000000u);
		assert_false(event_ring_read(ring, &cursor, &event, &lost));
	}
	assert_int_equal(lost, 0);
}

static void
test_overwritten_are_counted(void **state)
{
	struct event event;
	uint64_t cursor = 0, lost = 0, n;

	(void)state;
	for (n = 0; n < EVENT_RING_ENTRIES + 7; n++)
		write_event(n);
	for (n = 7; n < EVENT_RING_ENTRIES + 7; n++) {
		assert_true(event_ring_read(ring, &cursor, &event, &lost));
		expect(&event, n);
	}
	assert_false(event_ring_read(ring, &cursor, &event, &lost));
	assert_int_equal(lost, 7);
}

static void
test_damaged_ring(void **state)
{
	struct event event;
	uint64_t cursor = 0, lost = 0;

	(void)state;
	write_event(0);
	write_event(1);
	ring->entry[0].sequence = 0; /* half written */
	assert_true(event_ring_read(ring, &cursor, &event, &lost));
	expect(&event, 1);
	assert_int_equal(lost, 1);
	cursor = 500; /* another ring than the reader knew */
	assert_false(event_ring_read(ring, &cursor, &event, &lost));
	assert_int_equal(cursor, 2);
	ring->head = UINT64_MAX;
	assert_false(event_ring_read(ring, &cursor, &event, &lost));
	assert_true(lost > EVENT_RING_ENTRIES);
}

static void
test_reader_beside_writer(void **state)
{
	const uint64_t last = 200000;
	uint64_t cursor = 0, lost = 0, read = 0;
	struct event event;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		for (uint64_t n = 0; n < last; n++)
			write_event(n);
		_exit(0);
	}
	while (read + lost < last) {
		uint64_t before = cursor;

		if (!event_ring_read(ring, &cursor, &event, &lost))
			continue;
		assert_true(event.session_id >= before);
		expect(&event, cursor - 1);
		read++;
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(read + lost, last);
	assert_true(read > 0);
}

/* The oldest entry is the one that the writer changes next. */
static void
test_reader_at_the_edge(void **state)
{
	const uint64_t last = 2000000;
	uint64_t cursor, lost, read = 0;
	struct event event;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		for (uint64_t n = 0; n < last; n++)
			write_event(n);
		_exit(0);
	}
	while (waitpid(pid, NULL, WNOHANG) == 0) {
		uint64_t head = ring->head;

		cursor = head > EVENT_RING_ENTRIES ? head - EVENT_RING_ENTRIES : 0;
		lost = 0;
		if (!event_ring_read(ring, &cursor, &event, &lost))
			continue;
		expect(&event, cursor - 1);
		read++;
	}
	assert_true(read > 0);
}

static void
test_texts_are_bounded(void **state)
{
	char text[EVENT_TEXT_SIZE + 100];
	struct event event;
	const char *found;
	size_t length;

	(void)state;
	memset(text, 'x', sizeof(text));
	event_init(&event, 1, 2);
	event_add_text(&event, "", 0);
	event_add_text(&event, "abc", 3);
	event_add_text(&event, text, sizeof(text));
	event_add_text(&event, "too many", 8);
	event_text(&event, 0, &found, &length);
	assert_int_equal(length, 0);
	event_text(&event, 1, &found, &length);
	assert_int_equal(length, 3);
	assert_memory_equal(found, "abc", 3);
	event_text(&event, 2, &found, &length);
	assert_int_equal(length, EVENT_TEXT_SIZE - 3);
	assert_ptr_equal(found, event.text + 3);
	assert_int_equal(event.reserved2[0], 0);
	event_text(&event, 3, &found, &length);
	assert_int_equal(length, 0);
	event_text(&event, UINT32_MAX, &found, &length);
	assert_int_equal(length, 0);
}

static void
test_hostile_text_lengths(void **state)
{
	struct event event;
	const char *text;
	size_t length;

	(void)state;
	for (unsigned pattern = 0; pattern < 64; pattern++) {
		memset(&event, 0, sizeof(event));
		for (unsigned i = 0; i < EVENT_TEXTS; i++)
			event.text_length[i] =
			    (const uint16_t[]){0, 1, EVENT_TEXT_SIZE, 0xffff}[pattern >> 2 * i & 3];
		for (unsigned i = 0; i < 5; i++) {
			event_text(&event, i, &text, &length);
			assert_true(text >= event.text);
			assert_true(text + length <= event.text + EVENT_TEXT_SIZE);
		}
		event_add_text(&event, "x", 1);
	}
}

static void
test_catalogue(void **state)
{
	static const uint32_t ids[] = {
#define EVENT(id, severity, name, text, help) id,
#include "shm/events.def"
#undef EVENT
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		const struct event_description *description = event_describe(ids[i]);

		assert_non_null(description);
		assert_int_equal(description->id, ids[i]);
		assert_true(description->severity <= 7);
		assert_true(strlen(description->text) > 0);
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(ids[i], ids[k]);
	}
	assert_string_equal(event_describe(302013)->name, "built");
	assert_null(event_describe(0));
	assert_null(event_describe(UINT32_MAX));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_in_order),
	    TEST(test_overwritten_are_counted),
	    TEST(test_damaged_ring),
	    TEST(test_reader_beside_writer),
	    TEST(test_reader_at_the_edge),
	    TEST(test_texts_are_bounded),
	    TEST(test_hostile_text_lengths),
	    TEST(test_catalogue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
