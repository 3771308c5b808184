#include "daemon/gate/board.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

struct scene {
	int fd, wake;
	struct gate_board *writer, *reader;
};

static int
setup(void **state)
{
	static struct scene scene;

	scene.fd = gate_board_create();
	scene.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(scene.fd >= 0 && scene.wake >= 0);
	assert_int_equal(gate_board_map(&scene.writer, scene.fd, true), 0);
	assert_int_equal(gate_board_map(&scene.reader, scene.fd, false), 0);
	*state = &scene;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *scene = *state;

	gate_board_unmap(scene->writer);
	gate_board_unmap(scene->reader);
	close(scene->fd);
	close(scene->wake);
	return 0;
}

static void
test_counts(void **state)
{
	struct scene *scene = *state;

	for (unsigned i = 0; i < GATE_COUNTER_COUNT; i++) {
		for (unsigned more = 0; more <= i; more++)
			gate_count(scene->writer, i);
		assert_string_not_equal(gate_counter_name(i), "");
	}
	for (unsigned i = 0; i < GATE_COUNTER_COUNT; i++)
		assert_int_equal(scene->reader->counter[i], i + 1);
	assert_string_equal(gate_counter_name(GATE_COUNTER_COUNT), "");
}

static void
test_wakes_only_who_waits(void **state)
{
	struct scene *scene = *state;
	uint64_t words;

	gate_wake(scene->reader, scene->wake);
	assert_int_equal(read(scene->wake, &words, sizeof(words)), -1);
	scene->writer->is_waiting = 1;
	gate_wake(scene->reader, scene->wake);
	gate_wake(scene->reader, scene->wake);
	assert_int_equal(read(scene->wake, &words, sizeof(words)), sizeof(words));
	assert_int_equal(words, 2);
	scene->writer->is_waiting = 0;
	gate_wake(scene->reader, scene->wake);
	assert_int_equal(read(scene->wake, &words, sizeof(words)), -1);
}

static void
test_other_memory_is_refused(void **state)
{
	struct scene *scene = *state;
	struct gate_board *board;
	int other = memfd_create("other", MFD_CLOEXEC);

	assert_true(other >= 0);
	assert_int_equal(ftruncate(scene->fd, 1), -1);
	assert_int_equal(gate_board_map(&board, other, false), -EPROTO);
	assert_int_equal(gate_board_map(&board, -1, false), -EBADF);
	close(other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_counts, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_wakes_only_who_waits, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_other_memory_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
