/* shelf: what lies there outlives who put it there, and is replaced as a whole. */
#include "daemon/supervisor/shelf.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MANY 300

/* Files that can be told from each other. */
static void
make(int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		int ends[2];

		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
		fds[i] = ends[0];
		close(ends[1]);
	}
}

static void
assert_same(int a, int b)
{
	struct stat one, other;

	assert_int_equal(fstat(a, &one), 0);
	assert_int_equal(fstat(b, &other), 0);
	assert_int_equal(one.st_ino, other.st_ino);
}

static void
close_all(const int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(close(fds[i]), 0);
}

/* How many descriptors this process has open. */
static unsigned
count_open(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void
test_the_next_one_finds_it(void **state)
{
	unsigned before = count_open();
	struct shelf shelf, found;
	int put[3], taken[8], held[2];

	(void)state;
	make(put, 3);
	assert_int_equal(shelf_open(&shelf), 0);
	assert_int_equal(shelf_put(&shelf, put, 3), 0);
	/* As a worker holds it. */
	held[0] = dup(shelf.end[0]);
	held[1] = dup(shelf.end[1]);
	shelf_close(&shelf);
	shelf_found(&found, held);
	for (int try = 0; try < 2; try++) {
		assert_int_equal(shelf_look(&found, taken, 8), 3);
		for (int i = 0; i < 3; i++)
			assert_same(taken[i], put[i]);
		close_all(taken, 3);
	}
	/* The found one is replaced too, and nothing else. */
	assert_int_equal(shelf_put(&found, put + 1, 1), 0);
	assert_int_equal(shelf_look(&found, taken, 8), 1);
	assert_same(taken[0], put[1]);
	close_all(taken, 1);
	close_all(put, 3);
	shelf_close(&found);
	assert_int_equal(count_open(), before);
}

static void
test_what_is_put_replaces_what_was(void **state)
{
	unsigned before = count_open();
	struct shelf shelf;
	int put[MANY], taken[MANY];

	(void)state;
	make(put, MANY);
	assert_int_equal(shelf_open(&shelf), 0);
	assert_int_equal(shelf_put(&shelf, put, MANY), 0);
	assert_int_equal(shelf_put(&shelf, put + 7, 2), 0);
	assert_int_equal(shelf_put(&shelf, put, MANY - 1), 0);
	assert_int_equal(shelf_look(&shelf, taken, MANY), MANY - 1);
	for (int i = 0; i < MANY - 1; i++)
		assert_same(taken[i], put[i]);
	close_all(taken, MANY - 1);
	assert_int_equal(shelf_put(&shelf, put, 5), 0);
	assert_int_equal(shelf_put(&shelf, NULL, 0), 0);
	assert_int_equal(shelf_look(&shelf, taken, MANY), 0);
	/* What there is no room for is left out, and stays. */
	assert_int_equal(shelf_put(&shelf, put, 5), 0);
	assert_int_equal(shelf_look(&shelf, taken, 2), 2);
	close_all(taken, 2);
	assert_int_equal(shelf_look(&shelf, taken, MANY), 5);
	close_all(taken, 5);
	close_all(put, MANY);
	shelf_close(&shelf);
	assert_int_equal(count_open(), before);
}

/* The other way: it neither disturbs what lies there nor is it replaced with it. */
static void
test_one_is_held(void **state)
{
	unsigned before = count_open();
	struct shelf shelf, found;
	int put[3], taken[3], held[2], fd;

	(void)state;
	make(put, 3);
	assert_int_equal(shelf_open(&shelf), 0);
	assert_int_equal(shelf_held(&shelf), -1);
	assert_int_equal(shelf_put(&shelf, put, 2), 0);
	assert_int_equal(shelf_hold(&shelf, put[0]), 0);
	shelf_release(&shelf);
	assert_int_equal(shelf_hold(&shelf, put[2]), 0);
	assert_int_equal(shelf_put(&shelf, put, 1), 0);
	held[0] = dup(shelf.end[0]);
	held[1] = dup(shelf.end[1]);
	shelf_close(&shelf);
	shelf_found(&found, held);
	assert_int_equal(shelf_look(&found, taken, 3), 1);
	close_all(taken, 1);
	for (int i = 0; i < 2; i++) {
		fd = shelf_held(&found);
		assert_true(fd >= 0);
		assert_same(fd, put[2]);
		close(fd);
	}
	shelf_release(&found);
	assert_int_equal(shelf_held(&found), -1);
	shelf_release(&found);
	assert_int_equal(shelf_look(&found, taken, 3), 1);
	close_all(taken, 1);
	close_all(put, 3);
	shelf_close(&found);
	assert_int_equal(count_open(), before);
}

static void
test_no_shelf(void **state)
{
	struct shelf shelf;
	int fd = 0;

	(void)state;
	shelf_init(&shelf);
	assert_int_equal(shelf_put(&shelf, &fd, 1), 0);
	assert_int_equal(shelf_look(&shelf, &fd, 1), 0);
	assert_true(shelf_hold(&shelf, fd) < 0);
	assert_int_equal(shelf_held(&shelf), -1);
	shelf_close(&shelf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_next_one_finds_it),
	    cmocka_unit_test(test_what_is_put_replaces_what_was),
	    cmocka_unit_test(test_one_is_held),
	    cmocka_unit_test(test_no_shelf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
