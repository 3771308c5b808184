/* The key of a pair: what is made can be read, and a file that is not as it must be is named so. */
#include "daemon/sync/key.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define GOOD "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eFF"

static char folder[] = "/tmp/key_test.XXXXXX";
static char path[64];
static char why[KEY_WHY_MAX];
static uint8_t key[KEY_SIZE];

static int
setup(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/key", folder);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static int
read_path(void)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	why[0] = '\0';
	assert_true(fd >= 0);
	int result = key_read(fd, key, why);
	close(fd);
	return result;
}

static int
read_text(const char *text, size_t length, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, length), length);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	int result = read_path();
	unlink(path);
	return result;
}

static void
test_what_is_made_can_be_read(void **state)
{
	uint8_t first[KEY_SIZE];
	struct stat status;

	(void)state;
	umask(0);
	assert_int_equal(key_generate(path, why), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(status.st_size, 65);
	assert_int_equal(read_path(), 0);
	memcpy(first, key, KEY_SIZE);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(key_generate(path, why), 0);
	assert_int_equal(read_path(), 0);
	assert_memory_not_equal(first, key, KEY_SIZE);
}

static void
test_a_key_is_not_replaced(void **state)
{
	uint8_t first[KEY_SIZE];

	(void)state;
	assert_int_equal(read_path(), 0);
	memcpy(first, key, KEY_SIZE);
	assert_int_equal(key_generate(path, why), -EEXIST);
	assert_non_null(strstr(why, "not replaced"));
	assert_int_equal(read_path(), 0);
	assert_memory_equal(first, key, KEY_SIZE);
	unlink(path);
	/* Nor is one made where a link points to. */
	assert_int_equal(symlink("elsewhere", path), 0);
	assert_int_equal(key_generate(path, why), -EEXIST);
	unlink(path);
	assert_int_equal(key_generate("/nowhere/key", why), -ENOENT);
}

static void
test_digits(void **state)
{
	(void)state;
	assert_int_equal(read_text(GOOD "\n", 65, 0600), 0);
	for (unsigned i = 0; i < KEY_SIZE - 1; i++)
		assert_int_equal(key[i], i);
	assert_int_equal(key[KEY_SIZE - 1], 0xff);
	assert_int_equal(read_text(GOOD, 64, 0640), 0);
	assert_int_equal(read_text(GOOD "\n", 65, 0400), 0);
}

static void
test_other_contents_are_refused(void **state)
{
	static const char *const refused[] = {
	    "", "\n", "0001", GOOD "0", GOOD "\n\n", GOOD "\r\n", GOOD " ", " " GOOD};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_int_equal(read_text(refused[i], strlen(refused[i]), 0600), -EBADMSG);
		assert_non_null(strstr(why, "64 hexadecimal digits"));
	}
	char text[] = GOOD "\n";
	for (size_t i = 0; i < 64; i++) {
		text[i] = i % 2 != 0 ? 'g' : '\0';
		assert_int_equal(read_text(text, 65, 0600), -EBADMSG);
		text[i] = GOOD[i];
	}
}

static void
test_modes(void **state)
{
	static const mode_t refused[] = {0644, 0604, 0601, 0620, 0610, 0700, 0660, 0666};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		char mode[8];

		assert_int_equal(read_text(GOOD "\n", 65, refused[i]), -EPERM);
		snprintf(mode, sizeof(mode), "%04o", (unsigned)refused[i]);
		assert_non_null(strstr(why, mode));
	}
}

static void
test_other_files(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(key_read(fd, key, why), -EBADMSG);
	close(fd);
	assert_int_equal(key_read(fd, key, why), -EBADF);
	if (geteuid() != 0)
		return;
	assert_int_equal(key_generate(path, why), 0);
	assert_int_equal(chown(path, 12345, 0), 0);
	assert_int_equal(read_path(), -EPERM);
	assert_non_null(strstr(why, "another user"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_made_can_be_read),
	    cmocka_unit_test(test_a_key_is_not_replaced),
	    cmocka_unit_test(test_digits),
	    cmocka_unit_test(test_other_contents_are_refused),
	    cmocka_unit_test(test_modes),
	    cmocka_unit_test(test_other_files),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
