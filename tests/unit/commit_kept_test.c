/* What candidate, confirm and committed keep in the folder: whole, bounded, and found again. */
#include "daemon/manager/candidate.h"
#include "daemon/manager/committed.h"
#include "daemon/manager/confirm.h"
#include "shm/event_ring.h"
#include "tests/unit/folder_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define INSTANCE 0x80000001u

/* libconfig 1.5 leaks the string it was reading when it finds a syntax error. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

static struct shm shm;

static int
setup(void **state)
{
	const struct shm_plan plan = {.slots = 1, .chunks = 1, .workers = 1};

	return shm_create(&shm, &plan) == 0 ? folder_fixture_make(state) : -1;
}

static int
teardown(void **state)
{
	const struct fixture *fixture = *state;
	char name[STORE_NAME_MAX];

	for (unsigned slot = 0; slot < COMMITTED_SLOTS; slot++) {
		snprintf(name, sizeof(name), "committed.%u", slot);
		unlinkat(fixture->directory, name, 0);
	}
	unlinkat(fixture->directory, CANDIDATE_FILE, 0);
	unlinkat(fixture->directory, CONFIRM_FILE, 0);
	shm_detach(&shm);
	return folder_fixture_remove(state);
}

static void
write_file(const struct fixture *fixture, const char *name, const char *bytes)
{
	int fd = openat(fixture->directory, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, bytes, strlen(bytes)), strlen(bytes));
	close(fd);
}

/* Replaces the first occurrence in a file; both are of one length. */
static void
change_file(const struct fixture *fixture, const char *name, const char *from, const char *to)
{
	char bytes[4096];
	int fd = openat(fixture->directory, name, O_RDONLY);
	ssize_t length = read(fd, bytes, sizeof(bytes) - 1);

	close(fd);
	assert_true(length > 0);
	bytes[length] = '\0';
	assert_non_null(strstr(bytes, from));
	memcpy(strstr(bytes, from), to, strlen(to));
	write_file(fixture, name, bytes);
}

/* The id of the newest event of the manager; 0: there is none. */
static uint32_t
newest_event(void)
{
	const struct event_ring *ring = shm_events(&shm, SHM_WRITER_MANAGER);
	struct event event = {0};
	uint64_t position = 0, lost;
	uint32_t id = 0;

	while (event_ring_read(ring, &position, &event, &lost))
		id = event.id;
	return id;
}

/* ---- the candidate ---- */

static void
test_a_candidate_is_found_again(void **state)
{
	const struct fixture *fixture = *state;
	unsigned char base[LINES_DIGEST_SIZE];
	struct candidate candidate;

	memset(base, 0xa5, sizeof(base));
	candidate_open(&candidate, &shm, fixture->directory);
	assert_null(candidate.config);
	assert_int_equal(candidate_take(&candidate, config_create(), "eve", "", base), 0);
	candidate_close(&candidate);
	candidate_open(&candidate, &shm, fixture->directory);
	assert_non_null(candidate.config);
	assert_string_equal(candidate.entry.by, "eve");
	assert_true(candidate.entry.has_base);
	assert_memory_equal(candidate.entry.base, base, sizeof(base));
	assert_int_equal(candidate_drop(&candidate), 0);
	candidate_open(&candidate, &shm, fixture->directory);
	assert_null(candidate.config);
	assert_int_equal(newest_event(), 0);
}

static void
test_a_damaged_candidate_is_told(void **state)
{
	const struct fixture *fixture = *state;
	static const char *const changes[][2] = {
	    {"base = \"00", "base = \"zz"},
	    {"inspect esmtp", "inspect smtpe"},
	    {"schema = 1", "schema = 7"},
	    {"by = \"eve", "by = \"e\x7f"
			   "e"},
	    {"by = \"eve", "by = \"e\x01"
			   "e"},
	};
	static const unsigned char base[LINES_DIGEST_SIZE];
	struct candidate candidate;

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		candidate_open(&candidate, &shm, fixture->directory);
		candidate_close(&candidate);
		assert_int_equal(candidate_take(&candidate, config_create(), "eve", "", base), 0);
		candidate_close(&candidate);
		change_file(fixture, CANDIDATE_FILE, changes[i][0], changes[i][1]);
		candidate_open(&candidate, &shm, fixture->directory);
		assert_null(candidate.config);
		assert_int_equal(newest_event(), 109025);
	}
}

/* Whole, by its checksum, but no configuration. */
static void
test_a_candidate_that_no_configuration_is(void **state)
{
	const struct fixture *fixture = *state;
	struct store_entry entry = {0};
	struct candidate candidate;

	lines_init(&entry.lines);
	assert_true(lines_add(&entry.lines, "hostname one"));
	assert_true(lines_add(&entry.lines, "nonsense"));
	assert_int_equal(store_stamp(&entry, &entry.lines, "eve"), 0);
	assert_int_equal(
	    store_put(fixture->directory, CANDIDATE_FILE, &entry, &entry.lines, false), 0);
	lines_free(&entry.lines);
	candidate_open(&candidate, &shm, fixture->directory);
	assert_null(candidate.config);
	assert_int_equal(newest_event(), 109025);
}

/* ---- the confirm timer ---- */

static void
open_confirm(struct confirm *confirm, const struct fixture *fixture, uint64_t instance)
{
	confirm_open(confirm, &shm, fixture->directory, instance);
}

static void
arm(struct confirm *confirm, uint64_t expires_ms)
{
	struct lines lines;

	lines_init(&lines);
	assert_true(lines_add(&lines, "hostname before"));
	assert_int_equal(confirm_arm(confirm, &lines, "eve", "then", expires_ms), 0);
	lines_free(&lines);
}

static void
test_the_timer_is_found_again(void **state)
{
	const struct fixture *fixture = *state;
	struct confirm confirm;

	open_confirm(&confirm, fixture, INSTANCE);
	assert_false(confirm.is_armed);
	arm(&confirm, 60000);
	confirm_close(&confirm);
	open_confirm(&confirm, fixture, INSTANCE);
	assert_true(confirm.is_armed);
	assert_string_equal(confirm.entry.by, "eve");
	assert_string_equal(confirm.entry.saved, "then");
	assert_string_equal(confirm.entry.lines.line[0], "hostname before");
	assert_int_equal(confirm_left_ms(&confirm, 59999), 1);
	assert_int_equal(confirm_left_ms(&confirm, 60000), 0);
	assert_int_equal(confirm_left_ms(&confirm, UINT64_MAX), 0);
	/* Another time, and the same to go back to. */
	assert_int_equal(confirm_arm(&confirm, NULL, "mallory", "", 70000), 0);
	assert_string_equal(confirm.entry.lines.line[0], "hostname before");
	assert_int_equal(confirm_forget(&confirm), 0);
	open_confirm(&confirm, fixture, INSTANCE);
	assert_false(confirm.is_armed);
	assert_int_equal(newest_event(), 0);
}

static void
test_a_timer_of_another_run_is_over(void **state)
{
	const struct fixture *fixture = *state;
	struct confirm confirm;

	open_confirm(&confirm, fixture, INSTANCE);
	arm(&confirm, 60000);
	confirm_close(&confirm);
	open_confirm(&confirm, fixture, INSTANCE + 1);
	assert_false(confirm.is_armed);
	assert_int_equal(newest_event(), 109054);
	assert_int_equal(faccessat(fixture->directory, CONFIRM_FILE, F_OK, 0), -1);
	write_file(fixture, CONFIRM_FILE, "schema = 1;\n");
	open_confirm(&confirm, fixture, INSTANCE);
	assert_false(confirm.is_armed);
	assert_int_equal(newest_event(), 109025);
}

/* ---- what was committed ---- */

static void
push(struct committed *committed, unsigned number)
{
	struct lines lines;
	char line[32];

	lines_init(&lines);
	snprintf(line, sizeof(line), "hostname h%u", number);
	assert_true(lines_add(&lines, line));
	assert_int_equal(committed_push(committed, &lines, "eve"), 0);
	lines_free(&lines);
}

static void
expect(const struct committed *committed, unsigned number, const char *line)
{
	struct store_entry entry;
	char why[STORE_WHY_MAX];

	assert_non_null(committed_get(committed, number));
	assert_int_equal(committed_read(committed, number, &entry, why), 0);
	assert_string_equal(entry.lines.line[0], line);
	assert_string_equal(entry.by, "eve");
	store_entry_free(&entry);
}

static void
test_the_last_ten_are_kept(void **state)
{
	const struct fixture *fixture = *state;
	struct committed committed;
	struct store_entry entry;
	char why[STORE_WHY_MAX];

	committed_open(&committed, &shm, fixture->directory);
	assert_null(committed_get(&committed, 1));
	assert_int_equal(committed_pop(&committed), -ENOENT);
	for (unsigned i = 1; i <= 25; i++)
		push(&committed, i);
	for (unsigned pass = 0; pass < 2; pass++) {
		expect(&committed, 1, "hostname h25");
		expect(&committed, COMMITTED_KEPT, "hostname h16");
		assert_null(committed_get(&committed, 0));
		assert_null(committed_get(&committed, COMMITTED_KEPT + 1));
		assert_int_equal(committed_read(&committed, 0, &entry, why), -ENOENT);
		committed_open(&committed, &shm, fixture->directory);
	}
	/* A commit that fails takes none away. */
	push(&committed, 26);
	assert_int_equal(committed_pop(&committed), 0);
	expect(&committed, 1, "hostname h25");
	expect(&committed, COMMITTED_KEPT, "hostname h16");
	assert_int_equal(newest_event(), 0);
}

static void
test_a_damaged_one_is_left_out(void **state)
{
	const struct fixture *fixture = *state;
	struct committed committed;

	committed_open(&committed, &shm, fixture->directory);
	for (unsigned i = 1; i <= 3; i++)
		push(&committed, i);
	write_file(fixture, "committed.1", "schema = 1;\n");
	committed_open(&committed, &shm, fixture->directory);
	assert_int_equal(newest_event(), 109025);
	expect(&committed, 1, "hostname h3");
	expect(&committed, 2, "hostname h1");
	assert_null(committed_get(&committed, 3));
	/* Its place is taken first. */
	push(&committed, 4);
	expect(&committed, 1, "hostname h4");
	expect(&committed, 3, "hostname h1");
}

/* A serial that cannot be hides none of the others, and keeps nobody from a commit. */
static void
test_a_serial_that_cannot_be_is_left_out(void **state)
{
	static const uint32_t serials[] = {0, 2, INT32_MAX};
	const struct fixture *fixture = *state;
	struct store_entry entry = {0};
	struct committed committed;

	lines_init(&entry.lines);
	assert_true(lines_add(&entry.lines, "hostname forged"));
	assert_int_equal(store_stamp(&entry, &entry.lines, "eve"), 0);
	committed_open(&committed, &shm, fixture->directory);
	for (unsigned i = 1; i <= 3; i++)
		push(&committed, i);
	for (size_t i = 0; i < sizeof(serials) / sizeof(serials[0]); i++) {
		entry.serial = serials[i];
		assert_int_equal(
		    store_put(fixture->directory, "committed.7", &entry, &entry.lines, false), 0);
		committed_open(&committed, &shm, fixture->directory);
		assert_int_equal(newest_event(), 109025);
		expect(&committed, 1, "hostname h3");
		expect(&committed, 3, "hostname h1");
		assert_null(committed_get(&committed, 4));
	}
	push(&committed, 4);
	expect(&committed, 1, "hostname h4");
	lines_free(&entry.lines);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
	    TEST(test_a_candidate_is_found_again),
	    TEST(test_a_damaged_candidate_is_told),
	    TEST(test_a_candidate_that_no_configuration_is),
	    TEST(test_the_timer_is_found_again),
	    TEST(test_a_timer_of_another_run_is_over),
	    TEST(test_the_last_ten_are_kept),
	    TEST(test_a_damaged_one_is_left_out),
	    TEST(test_a_serial_that_cannot_be_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
