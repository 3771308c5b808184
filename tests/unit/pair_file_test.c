/* daemon/pair_file: what was laid out is read whole, or not at all. */
#include "daemon/pair_file.h"
#include "tests/unit/folder_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NAME  "pair-in-startup"
#define WORDS "hostname one\nhostname two\n"

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	unlinkat(fixture->directory, NAME, 0);
	return folder_fixture_remove(state);
}

static int
lay(const struct fixture *fixture, const char *text, size_t length)
{
	struct pair_file file = {.epoch = 5, .serial = 7, .saved = "now", .by = "root"};

	return pair_file_write(fixture->directory, PAIR_FILE_IN, PAIR_TEXT_STARTUP, &file,
	    (const uint8_t *)text, length);
}

static int
look(const struct fixture *fixture, struct pair_file *file, uint8_t **text)
{
	return pair_file_read(fixture->directory, PAIR_FILE_IN, PAIR_TEXT_STARTUP, file, text);
}

static void
test_round_trip(void **state)
{
	const struct fixture *fixture = *state;
	struct pair_file file;
	uint8_t *text;

	assert_int_equal(look(fixture, &file, &text), -ENOENT);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(lay(fixture, WORDS, strlen(WORDS)), 0);
		assert_int_equal(look(fixture, &file, &text), 0);
		assert_string_equal((char *)text, WORDS);
		assert_int_equal(file.length, strlen(WORDS));
		assert_int_equal(file.epoch, 5);
		assert_int_equal(file.serial, 7);
		assert_string_equal(file.saved, "now");
		assert_string_equal(file.by, "root");
		free(text);
	}
	assert_int_equal(lay(fixture, "", 0), 0);
	assert_int_equal(look(fixture, &file, &text), 0);
	assert_string_equal((char *)text, "");
	free(text);
}

static void
test_too_long(void **state)
{
	const struct fixture *fixture = *state;
	char *bytes = calloc(1, PAIR_FILE_MAX + 1);
	struct pair_file file;
	uint8_t *text;

	assert_int_equal(lay(fixture, bytes, PAIR_FILE_MAX + 1), -EFBIG);
	assert_int_equal(look(fixture, &file, &text), -ENOENT);
	assert_int_equal(lay(fixture, bytes, PAIR_FILE_MAX), 0);
	assert_int_equal(look(fixture, &file, &text), 0);
	assert_int_equal(file.length, PAIR_FILE_MAX);
	free(text);
	free(bytes);
}

static void
put(const struct fixture *fixture, const uint8_t *bytes, size_t length)
{
	int fd = openat(fixture->directory, NAME, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, bytes, length), length);
	close(fd);
}

/* Every byte, and every length. */
static void
test_damage_is_found(void **state)
{
	const struct fixture *fixture = *state;
	uint8_t bytes[1024], *text;
	struct pair_file file;
	struct stat status;
	size_t length;
	int fd;

	assert_int_equal(lay(fixture, WORDS, strlen(WORDS)), 0);
	fd = openat(fixture->directory, NAME, O_RDONLY);
	assert_int_equal(fstat(fd, &status), 0);
	length = (size_t)status.st_size;
	assert_int_equal(read(fd, bytes, sizeof(bytes)), length);
	close(fd);
	for (size_t i = 0; i < length; i++) {
		put(fixture, bytes, i);
		assert_int_equal(look(fixture, &file, &text), -EBADMSG);
	}
	for (size_t i = length - strlen(WORDS); i < length; i++) {
		bytes[i] ^= 1;
		put(fixture, bytes, length);
		assert_int_equal(look(fixture, &file, &text), -EBADMSG);
		bytes[i] ^= 1;
	}
	bytes[0] ^= 1;
	put(fixture, bytes, length);
	assert_int_equal(look(fixture, &file, &text), -EBADMSG);
	bytes[0] ^= 1;
	/* Texts that do not end. */
	memset(bytes + length - strlen(WORDS) - PAIR_FILE_BY_MAX, 'x', PAIR_FILE_BY_MAX);
	put(fixture, bytes, length);
	assert_int_equal(look(fixture, &file, &text), -EBADMSG);
}

static void
test_only_files(void **state)
{
	const struct fixture *fixture = *state;
	struct pair_file file;
	uint8_t *text;

	assert_int_equal(symlinkat("/etc/hostname", fixture->directory, NAME), 0);
	assert_int_equal(look(fixture, &file, &text), -ELOOP);
	assert_int_equal(unlinkat(fixture->directory, NAME, 0), 0);
	assert_int_equal(mkfifoat(fixture->directory, NAME, 0600), 0);
	assert_int_equal(look(fixture, &file, &text), -EBADMSG);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_fixture_make, teardown)
	static const struct CMUnitTest tests[] = {
	    TEST(test_round_trip),
	    TEST(test_too_long),
	    TEST(test_damage_is_found),
	    TEST(test_only_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
