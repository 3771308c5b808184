/* workers_file: what is written is read, and what others could have written is not believed. */
#include "daemon/supervisor/workers_file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define HEADLINE "smtpguard workers 1\n"

static char path[64];
static int directory;

static int
setup(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/smtpguard-workers-XXXXXX");
	assert_non_null(mkdtemp(path));
	directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return directory < 0;
}

static int
teardown(void **state)
{
	(void)state;
	workers_file_remove(directory);
	close(directory);
	return rmdir(path);
}

static void
put(const char *text, mode_t mode)
{
	int fd = openat(directory, WORKERS_FILE_NAME, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void
test_what_is_written_is_read(void **state)
{
	struct workers_file file = {.count = WORKERS_FILE_ENTRIES}, seen;
	struct stat status;
	unsigned line;

	(void)state;
	for (unsigned i = 0; i < WORKERS_FILE_ENTRIES; i++)
		file.entry[i] = (struct workers_file_entry){
		    .kind = i < SHM_WORKERS_MAX ? WORKERS_FILE_WORKER
						: (enum workers_file_kind)(
						      WORKERS_FILE_MANAGER + i - SHM_WORKERS_MAX),
		    .index = i % SHM_WORKERS_MAX,
		    .pid = INT32_MAX - (pid_t)i,
		    .started = UINT64_MAX - i,
		};
	assert_int_equal(workers_file_read(directory, &seen, &line), -ENOENT);
	assert_int_equal(workers_file_write(directory, &file), 0);
	assert_int_equal(workers_file_read(directory, &seen, &line), 0);
	assert_int_equal(seen.count, file.count);
	for (unsigned i = 0; i < file.count; i++) {
		assert_int_equal(seen.entry[i].kind, file.entry[i].kind);
		assert_int_equal(seen.entry[i].index, file.entry[i].index);
		assert_int_equal(seen.entry[i].pid, file.entry[i].pid);
		assert_int_equal(seen.entry[i].started, file.entry[i].started);
	}
	assert_int_equal(fstatat(directory, WORKERS_FILE_NAME, &status, 0), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	/* Another one takes its place as a whole. */
	file.count = 1;
	assert_int_equal(workers_file_write(directory, &file), 0);
	assert_int_equal(workers_file_read(directory, &seen, &line), 0);
	assert_int_equal(seen.count, 1);
}

static void
test_damage_is_named(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
	} bad[] = {
	    {"", 1},
	    {"smtpguard workers 2\n", 1},
	    {HEADLINE "worker 0 12", 2},
	    {HEADLINE "worker 0 12 34", 2},
	    {HEADLINE "worker 0 12 34\nworker 64 12 34\n", 3},
	    {HEADLINE "worker 0 0 34\n", 2},
	    {HEADLINE "worker 0 -1 34\n", 2},
	    {HEADLINE "worker 0 2147483648 34\n", 2},
	    {HEADLINE "worker 0 12 99999999999999999999\n", 2},
	    {HEADLINE "worker  0 12 34\n", 2},
	    {HEADLINE "somebody 0 12 34\n", 2},
	    {HEADLINE "\n", 2},
	};
	static const char with_nul[] = HEADLINE "worker 0 1 2\n\0x";
	struct workers_file file;
	unsigned line;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(bad[i].text, 0600);
		assert_int_equal(workers_file_read(directory, &file, &line), -EBADMSG);
		assert_int_equal(line, bad[i].line);
	}
	assert_false(workers_file_parse(with_nul, sizeof(with_nul) - 1, &file, &line));
}

static void
test_too_many_and_too_long(void **state)
{
	char text[WORKERS_FILE_BYTES + 64] = HEADLINE;
	struct workers_file file;
	unsigned line;

	(void)state;
	for (unsigned i = 0; i <= WORKERS_FILE_ENTRIES; i++)
		memcpy(text + strlen(text), "worker 0 1 2\n", 14);
	put(text, 0600);
	assert_int_equal(workers_file_read(directory, &file, &line), -EBADMSG);
	assert_int_equal(line, WORKERS_FILE_ENTRIES + 2);
	memset(text, 'x', sizeof(text) - 1);
	put(text, 0600);
	assert_int_equal(workers_file_read(directory, &file, &line), -EFBIG);
}

static void
test_what_others_could_write_is_not_believed(void **state)
{
	struct workers_file file;
	unsigned line;

	(void)state;
	put(HEADLINE, 0620);
	assert_int_equal(workers_file_read(directory, &file, &line), -EPERM);
	workers_file_remove(directory);
	assert_int_equal(symlinkat("/etc/passwd", directory, WORKERS_FILE_NAME), 0);
	assert_int_equal(workers_file_read(directory, &file, &line), -ELOOP);
	/* It is replaced, not followed. */
	assert_int_equal(workers_file_write(directory, &file), 0);
	assert_int_equal(workers_file_read(directory, &file, &line), 0);
	if (geteuid() != 0)
		return;
	assert_int_equal(fchownat(directory, WORKERS_FILE_NAME, 65534, 65534, 0), 0);
	assert_int_equal(workers_file_read(directory, &file, &line), -EPERM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_what_is_written_is_read, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_damage_is_named, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_too_many_and_too_long, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_what_others_could_write_is_not_believed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
