/* epoch: written whole, never back, and never read as less than it was. */
#include "daemon/sync/epoch.h"
#include "tests/unit/folder_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A change of this text makes hosts forget their epoch at an upgrade. */
static const char stored[] = "smtpguard epoch 1\nepoch 12\nbase 9\ncheck 0da3cb8329ec1480\n";

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	unlinkat(fixture->directory, EPOCH_FILE, 0);
	return folder_fixture_remove(state);
}

static void
put_file(const struct fixture *fixture, const char *bytes, size_t length)
{
	int fd = openat(fixture->directory, EPOCH_FILE, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, length), length);
	close(fd);
}

static size_t
get_file(const struct fixture *fixture, char *bytes, size_t size)
{
	int fd = openat(fixture->directory, EPOCH_FILE, O_RDONLY);

	assert_true(fd >= 0);
	ssize_t length = read(fd, bytes, size);
	close(fd);
	assert_true(length > 0);
	return (size_t)length;
}

static int
write_epoch(const struct fixture *fixture, uint64_t number, uint64_t base)
{
	struct epoch epoch = {number, base};
	char why[EPOCH_WHY_MAX] = "";
	int result = epoch_write(fixture->directory, &epoch, why);

	assert_true(result == 0 || strncmp(why, "epoch: ", 7) == 0);
	return result;
}

static void
expect_epoch(const struct fixture *fixture, uint64_t number, uint64_t base)
{
	struct epoch epoch;
	char why[EPOCH_WHY_MAX];

	assert_int_equal(epoch_read(fixture->directory, &epoch, why), 0);
	assert_true(epoch.number == number && epoch.base == base);
}

static void
test_first_start(void **state)
{
	const struct fixture *fixture = *state;
	struct epoch epoch = {7, 7};
	char why[EPOCH_WHY_MAX];

	assert_int_equal(epoch_read(fixture->directory, &epoch, why), -ENOENT);
	assert_true(epoch.number == 0 && epoch.base == 0);
}

static void
test_rises_and_never_goes_back(void **state)
{
	const struct fixture *fixture = *state;

	assert_int_equal(write_epoch(fixture, 1, 0), 0);
	assert_int_equal(write_epoch(fixture, 4, 1), 0);
	expect_epoch(fixture, 4, 1);
	assert_int_equal(write_epoch(fixture, 4, 4), 0);
	expect_epoch(fixture, 4, 4);
	assert_int_equal(write_epoch(fixture, 3, 3), -ESTALE);
	assert_int_equal(write_epoch(fixture, 0, 0), -ESTALE);
	assert_int_equal(write_epoch(fixture, 5, 6), -EINVAL);
	assert_int_equal(write_epoch(fixture, EPOCH_MAX + 1, 0), -EINVAL);
	expect_epoch(fixture, 4, 4);
	assert_int_equal(write_epoch(fixture, EPOCH_MAX, EPOCH_MAX), 0);
	expect_epoch(fixture, EPOCH_MAX, EPOCH_MAX);
}

static void
test_the_text(void **state)
{
	const struct fixture *fixture = *state;
	char bytes[256];

	assert_int_equal(write_epoch(fixture, 12, 9), 0);
	size_t length = get_file(fixture, bytes, sizeof(bytes));
	assert_int_equal(length, sizeof(stored) - 1);
	assert_memory_equal(bytes, stored, length);
}

static void
expect_damaged(const struct fixture *fixture, const char *bytes, size_t length)
{
	struct epoch epoch = {7, 7};
	char why[EPOCH_WHY_MAX] = "";
	char after[256];

	put_file(fixture, bytes, length);
	if (epoch_read(fixture->directory, &epoch, why) != -EBADMSG)
		fail_msg(
		    "taken as %llu: '%.*s'", (unsigned long long)epoch.number, (int)length, bytes);
	assert_non_null(strstr(why, "damaged"));
	/* Nor is it written over: who looks at it may still know what was there. */
	assert_int_equal(write_epoch(fixture, EPOCH_MAX, 0), -EBADMSG);
	if (length > 0)
		assert_int_equal(get_file(fixture, after, sizeof(after)), length);
}

static void
test_damaged(void **state)
{
	const struct fixture *fixture = *state;
	char bytes[256];

	for (size_t cut = 0; cut < sizeof(stored) - 1; cut++)
		expect_damaged(fixture, stored, cut);
	for (size_t at = 0; at < sizeof(stored) - 1; at++)
		for (unsigned bit = 0; bit < 8; bit++) {
			memcpy(bytes, stored, sizeof(stored));
			bytes[at] = (char)(bytes[at] ^ (1 << bit));
			expect_damaged(fixture, bytes, sizeof(stored) - 1);
		}
	expect_damaged(fixture, stored, sizeof(stored)); /* with the NUL */
	memset(bytes, ' ', sizeof(bytes));
	memcpy(bytes, stored, sizeof(stored) - 1);
	expect_damaged(fixture, bytes, 200);
	expect_damaged(fixture, "0\n", 2);
}

static void
test_not_a_file(void **state)
{
	const struct fixture *fixture = *state;
	struct epoch epoch;
	char why[EPOCH_WHY_MAX];

	assert_int_equal(mkfifoat(fixture->directory, EPOCH_FILE, 0600), 0);
	assert_int_equal(epoch_read(fixture->directory, &epoch, why), -EINVAL);
	assert_int_equal(write_epoch(fixture, 1, 1), -EINVAL);
	assert_int_equal(unlinkat(fixture->directory, EPOCH_FILE, 0), 0);
	assert_int_equal(symlinkat("elsewhere", fixture->directory, EPOCH_FILE), 0);
	assert_int_equal(epoch_read(fixture->directory, &epoch, why), -ELOOP);
}

/* No room: it fails with a reason, what was there is still there, and nothing is left behind. */
static void
test_full_disk(void **state)
{
	const struct fixture *fixture = *state;
	struct rlimit before, tiny;

	assert_int_equal(write_epoch(fixture, 4, 1), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	tiny = before;
	tiny.rlim_cur = 10;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tiny), 0);
	int result = write_epoch(fixture, 5, 1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_true(result == -EIO || result == -EFBIG);
	expect_epoch(fixture, 4, 1);
}

/* A death while it was written leaves the old one, and does not stop the next. */
static void
test_leftover(void **state)
{
	const struct fixture *fixture = *state;

	assert_int_equal(write_epoch(fixture, 4, 1), 0);
	int fd = openat(fixture->directory, EPOCH_FILE ".new", O_WRONLY | O_CREAT, 0400);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, stored, 20), 20);
	close(fd);
	expect_epoch(fixture, 4, 1);
	assert_int_equal(write_epoch(fixture, 5, 1), 0);
	expect_epoch(fixture, 5, 1);
}

static void
test_sides(void **state)
{
	(void)state;
	assert_int_equal(epoch_next(0, 0), 2);
	assert_int_equal(epoch_next(0, 1), 1);
	assert_int_equal(epoch_next(1, 1), 3);
	assert_int_equal(epoch_next(1, 0), 2);
	for (uint64_t number = 0; number < 100; number++)
		for (unsigned side = 0; side < 2; side++) {
			assert_true(epoch_next(number, side) > number);
			assert_int_equal(epoch_side(epoch_next(number, side)), side);
		}
	assert_true(epoch_next(EPOCH_MAX - 1, 0) == EPOCH_MAX);
	assert_true(epoch_next(EPOCH_MAX - 1, 1) == 0);
	assert_true(epoch_next(EPOCH_MAX, 0) == 0);
	assert_true(epoch_next(UINT64_MAX, 1) == 0);
}

static void
test_track_value(void **state)
{
	(void)state;
	assert_int_equal(epoch_track_value(&(struct epoch){0, 0}), 0);
	assert_int_equal(epoch_track_value(&(struct epoch){9, 9}), 0);
	assert_int_equal(epoch_track_value(&(struct epoch){12, 9}), 3);
	assert_int_equal(epoch_track_value(&(struct epoch){3, 9}), 0);
	assert_int_equal(epoch_track_value(&(struct epoch){150, 0}), EPOCH_TRACK_MAX);
	assert_int_equal(epoch_track_value(&(struct epoch){EPOCH_MAX, 0}), EPOCH_TRACK_MAX);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_first_start, folder_fixture_make, teardown),
	    cmocka_unit_test_setup_teardown(
		test_rises_and_never_goes_back, folder_fixture_make, teardown),
	    cmocka_unit_test_setup_teardown(test_the_text, folder_fixture_make, teardown),
	    cmocka_unit_test_setup_teardown(test_damaged, folder_fixture_make, teardown),
	    cmocka_unit_test_setup_teardown(test_not_a_file, folder_fixture_make, teardown),
	    cmocka_unit_test_setup_teardown(test_full_disk, folder_fixture_make, teardown),
	    cmocka_unit_test_setup_teardown(test_leftover, folder_fixture_make, teardown),
	    cmocka_unit_test(test_sides),
	    cmocka_unit_test(test_track_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
