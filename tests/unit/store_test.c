#include "daemon/manager/store.h"

#include "daemon/manager/store_format.h"
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

/* libconfig 1.5 leaks the string it was reading when it finds a syntax error. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;
	char name[STORE_NAME_MAX + 8];

	for (int i = 0; i <= STORE_HISTORY + 1; i++) {
		snprintf(name, sizeof(name), "%s.%d", STORE_STARTUP, i);
		unlinkat(fixture->directory, name, 0);
	}
	unlinkat(fixture->directory, STORE_STARTUP, 0);
	unlinkat(fixture->directory, STORE_RUNNING, 0);
	return folder_fixture_remove(state);
}

static int
save(const struct fixture *fixture, const char *line, struct store_entry *entry)
{
	struct lines lines;
	size_t bytes;

	lines_init(&lines);
	lines_add(&lines, "policy-map type inspect esmtp \"odd \\ name\"");
	lines_add(&lines, line);
	int result = store_save(fixture->directory, &lines, "root", 0, entry, &bytes);
	lines_free(&lines);
	return result;
}

static void
expect_loaded(const struct fixture *fixture, const char *from, const char *line)
{
	struct store_entry entry;
	char name[STORE_NAME_MAX];
	char why[STORE_WHY_MAX];

	assert_int_equal(store_load(fixture->directory, &entry, name, why), 0);
	assert_string_equal(name, from);
	assert_int_equal(entry.lines.count, 2);
	assert_string_equal(entry.lines.line[0], "policy-map type inspect esmtp \"odd \\ name\"");
	assert_string_equal(entry.lines.line[1], line);
	store_entry_free(&entry);
}

static void
write_file(const struct fixture *fixture, const char *name, const char *bytes, size_t length)
{
	int fd = openat(fixture->directory, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, length), length);
	close(fd);
}

static size_t
read_file(const struct fixture *fixture, const char *name, char *bytes, size_t size)
{
	int fd = openat(fixture->directory, name, O_RDONLY);

	assert_true(fd >= 0);
	ssize_t length = read(fd, bytes, size);
	close(fd);
	assert_true(length > 0);
	return (size_t)length;
}

static void
test_nothing_saved(void **state)
{
	const struct fixture *fixture = *state;
	struct store_entry entry;
	char name[STORE_NAME_MAX];
	char why[STORE_WHY_MAX];

	assert_int_equal(store_load(fixture->directory, &entry, name, why), -ENOENT);
	assert_int_equal(store_erase(fixture->directory), -ENOENT);
}

static void
test_save_and_load(void **state)
{
	const struct fixture *fixture = *state;
	struct store_entry entry;

	assert_int_equal(save(fixture, "hostname one", &entry), 0);
	assert_int_equal(entry.serial, 1);
	expect_loaded(fixture, "startup-config", "hostname one");
	assert_int_equal(save(fixture, "hostname two", &entry), 0);
	assert_int_equal(entry.serial, 2);
	expect_loaded(fixture, "startup-config", "hostname two");
}

static void
test_ten_predecessors_are_kept(void **state)
{
	const struct fixture *fixture = *state;
	struct store_entry entry;
	char why[STORE_WHY_MAX];

	for (int i = 1; i <= 13; i++)
		assert_int_equal(save(fixture, "hostname x", &entry), 0);
	assert_int_equal(entry.serial, 13);
	assert_int_equal(store_read(fixture->directory, "startup-config.1", &entry, why), 0);
	assert_int_equal(entry.serial, 12);
	store_entry_free(&entry);
	assert_int_equal(store_read(fixture->directory, "startup-config.10", &entry, why), 0);
	assert_int_equal(entry.serial, 3);
	store_entry_free(&entry);
	assert_int_equal(store_read(fixture->directory, "startup-config.11", &entry, why), -ENOENT);
}

static void
test_erased_goes_to_the_history(void **state)
{
	const struct fixture *fixture = *state;
	struct store_entry entry;
	char name[STORE_NAME_MAX];
	char why[STORE_WHY_MAX];

	assert_int_equal(save(fixture, "hostname one", &entry), 0);
	assert_int_equal(store_erase(fixture->directory), 0);
	assert_int_equal(store_load(fixture->directory, &entry, name, why), -ENOENT);
	/* And the serial goes on from what was erased. */
	assert_int_equal(save(fixture, "hostname two", &entry), 0);
	assert_int_equal(entry.serial, 2);
}

/* Torn at every length: never taken for whole, and the one before is used. */
static void
test_torn_file(void **state)
{
	const struct fixture *fixture = *state;
	struct store_entry entry;
	char bytes[4096];
	char why[STORE_WHY_MAX];

	assert_int_equal(save(fixture, "hostname good", &entry), 0);
	assert_int_equal(save(fixture, "hostname torn", &entry), 0);
	size_t length = read_file(fixture, STORE_STARTUP, bytes, sizeof(bytes));
	/* The last byte is a line end that nothing depends on; ";" behind a list is optional. */
	for (size_t cut = 0; cut + 2 < length; cut++) {
		write_file(fixture, STORE_STARTUP, bytes, cut);
		if (store_read(fixture->directory, STORE_STARTUP, &entry, why) != -EBADMSG)
			fail_msg("taken when cut at %zu of %zu", cut, length);
		assert_true(why[0] != '\0');
		expect_loaded(fixture, "startup-config.1", "hostname good");
	}
}

static void
test_changed_byte_is_found(void **state)
{
	const struct fixture *fixture = *state;
	struct store_entry entry;
	char bytes[4096];
	char why[STORE_WHY_MAX];

	assert_int_equal(save(fixture, "hostname good", &entry), 0);
	size_t length = read_file(fixture, STORE_STARTUP, bytes, sizeof(bytes) - 1);
	bytes[length] = '\0';
	strstr(bytes, "good")[0] = 'f';
	write_file(fixture, STORE_STARTUP, bytes, length);
	assert_int_equal(store_read(fixture->directory, STORE_STARTUP, &entry, why), -EBADMSG);
	assert_non_null(strstr(why, "checksum"));
}

static void
test_nothing_good_left(void **state)
{
	const struct fixture *fixture = *state;
	struct store_entry entry;
	char name[STORE_NAME_MAX];
	char why[STORE_WHY_MAX];

	write_file(fixture, STORE_STARTUP, "schema = 9;\n", 12);
	assert_int_equal(store_load(fixture->directory, &entry, name, why), -EBADMSG);
	assert_string_equal(name, "");
	assert_non_null(strstr(why, "schema"));
}

/* No room: the save fails with a reason, and what was there is still there, whole. */
static void
test_full_disk(void **state)
{
	const struct fixture *fixture = *state;
	struct rlimit before;
	struct rlimit tiny;
	struct store_entry entry;

	assert_int_equal(save(fixture, "hostname good", &entry), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	tiny = before;
	tiny.rlim_cur = 100;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tiny), 0);
	int result = save(fixture, "hostname lost", &entry);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(result, -EFBIG);
	expect_loaded(fixture, "startup-config", "hostname good");
	/* teardown finds a temporary file if one was left. */
}

/* There is no room for another name: the history stays where it is. */
static void
test_no_room_for_the_history(void **state)
{
	const struct fixture *fixture = *state;
	struct store_entry entry;
	char why[STORE_WHY_MAX];

	for (int i = 0; i < 3; i++)
		assert_int_equal(save(fixture, "hostname good", &entry), 0);
	assert_int_equal(mkdirat(fixture->directory, "startup-config.old", 0700), 0);
	for (int i = 0; i < STORE_HISTORY; i++)
		assert_int_equal(save(fixture, "hostname lost", &entry), -EEXIST);
	assert_int_equal(unlinkat(fixture->directory, "startup-config.old", AT_REMOVEDIR), 0);
	expect_loaded(fixture, "startup-config", "hostname good");
	assert_int_equal(store_read(fixture->directory, "startup-config.1", &entry, why), 0);
	assert_int_equal(entry.serial, 2);
	store_entry_free(&entry);
	assert_int_equal(save(fixture, "hostname new", &entry), 0);
	assert_int_equal(entry.serial, 4);
	expect_loaded(fixture, "startup-config", "hostname new");
}

static void
test_running_is_tied_to_its_tag(void **state)
{
	const struct fixture *fixture = *state;
	struct store_entry entry;
	struct lines lines;
	char why[STORE_WHY_MAX];

	lines_init(&lines);
	lines_add(&lines, "hostname now");
	assert_int_equal(store_keep_running(fixture->directory, &lines, 0xfedcba9876543210ull), 0);
	lines_free(&lines);
	assert_int_equal(store_read(fixture->directory, STORE_RUNNING, &entry, why), 0);
	assert_true(entry.tag == 0xfedcba9876543210ull);
	assert_string_equal(entry.lines.line[0], "hostname now");
	store_entry_free(&entry);
}

static void
test_hostile_files(void **state)
{
	static const char *const refused[] = {
	    "",
	    "schema = 1; serial = -1; epoch = 0; saved = \"\"; by = \"\"; checksum = \"\"; "
	    "lines = [];",
	    "schema = 1; serial = 1; epoch = 0; saved = \"\"; by = \"\"; checksum = 5; "
	    "lines = [];",
	    "schema = 1; serial = 1; epoch = 0; saved = \"\"; by = \"\"; checksum = \"\"; "
	    "lines = ( { } );",
	    "schema = 1; serial = 1; epoch = 0; saved = \"\"; by = \"\"; checksum = \"\"; "
	    "lines = [1, 2];",
	    "schema = 1; serial = 1; epoch = 0; saved = \"\"; by = \"\"; checksum = \"\"; "
	    "lines = [\"a\\nb\"];",
	    "@include \"/etc/hostname\"\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct store_entry entry;
		char why[STORE_WHY_MAX] = "";

		if (store_format_read(refused[i], strlen(refused[i]), &entry, why))
			fail_msg("taken: %s", refused[i]);
		assert_true(why[0] != '\0');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_nothing_saved, folder_fixture_make, teardown),
	    cmocka_unit_test_setup_teardown(test_save_and_load, folder_fixture_make, teardown),
	    cmocka_unit_test_setup_teardown(
		test_ten_predecessors_are_kept, folder_fixture_make, teardown),
	    cmocka_unit_test_setup_teardown(
		test_erased_goes_to_the_history, folder_fixture_make, teardown),
	    cmocka_unit_test_setup_teardown(test_torn_file, folder_fixture_make, teardown),
	    cmocka_unit_test_setup_teardown(
		test_changed_byte_is_found, folder_fixture_make, teardown),
	    cmocka_unit_test_setup_teardown(test_nothing_good_left, folder_fixture_make, teardown),
	    cmocka_unit_test_setup_teardown(test_full_disk, folder_fixture_make, teardown),
	    cmocka_unit_test_setup_teardown(
		test_no_room_for_the_history, folder_fixture_make, teardown),
	    cmocka_unit_test_setup_teardown(
		test_running_is_tied_to_its_tag, folder_fixture_make, teardown),
	    cmocka_unit_test(test_hostile_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
