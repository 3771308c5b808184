/* `failover key generate FILE`: what is refused, and that a key is not replaced. */
#include "ctl/key_command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

static void
test_a_key_is_made_once(void **state)
{
	char folder[] = "/tmp/key_command_test.XXXXXX", path[64];
	char failover[] = "failover", key[] = "key", generate[] = "generate", show[] = "show";
	char *words[] = {failover, key, generate, path, path};
	struct stat status;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/key", folder);
	assert_int_equal(key_command_run(3, words), EX_USAGE);
	assert_int_equal(key_command_run(5, words), EX_USAGE);
	words[2] = show;
	assert_int_equal(key_command_run(4, words), EX_USAGE);
	assert_int_not_equal(stat(path, &status), 0);
	words[2] = generate;
	assert_int_equal(key_command_run(4, words), EX_OK);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(key_command_run(4, words), EX_CANTCREAT);
	unlink(path);
	rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_key_is_made_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
