/*
 * folder_fixture -- a folder of its own for each test, by descriptor, as sync and manager get theirs
 *
 * To be used as set-up and, after the test's files are removed, tear-down of cmocka tests.
 */
#ifndef TESTS_UNIT_FOLDER_FIXTURE_H
#define TESTS_UNIT_FOLDER_FIXTURE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct fixture {
	char path[64];
	int directory; /* O_PATH will do */
};

static inline int
folder_fixture_make(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	snprintf(fixture->path, sizeof(fixture->path), "/tmp/smtpguard-unit-XXXXXX");
	if (mkdtemp(fixture->path) == NULL)
		return -1;
	fixture->directory = open(fixture->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	*state = fixture;
	return 0;
}

/* Fails when something was left behind. */
static inline int
folder_fixture_remove(void **state)
{
	struct fixture *fixture = *state;
	int result;

	close(fixture->directory);
	result = rmdir(fixture->path);
	free(fixture);
	return result;
}

#endif
