/* Credentials hold as they were made and encoded, and in no other form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tests/tools/credentials.h"

static void
what_is_encoded_holds(void **state)
{
	(void)state;
	for (uint32_t connection = 0; connection < 200; connection++) {
		struct oracle_key key = {42, connection, UINT32_MAX}, whose;
		struct credentials made, got;
		char line[CREDENTIALS_LINE];

		credentials_make(&key, connection % 2 == 0 ? "" : "+hold", &made);
		credentials_plain(&made, line);
		assert_true(credentials_decode_plain(line, strlen(line), &got));
		assert_true(credentials_hold(&got, &whose));
		assert_memory_equal(&whose, &key, sizeof(key));

		memset(&got, 0, sizeof(got));
		credentials_encode(made.user, line);
		assert_true(credentials_decode(line, strlen(line), got.user, sizeof(got.user)));
		credentials_encode(made.password, line);
		assert_true(
		    credentials_decode(line, strlen(line), got.password, sizeof(got.password)));
		assert_true(credentials_hold(&got, &whose));
	}
}

static void
nothing_else_holds(void **state)
{
	struct oracle_key key = {1, 2, 3}, whose;
	struct credentials made, other;
	char line[CREDENTIALS_LINE];
	size_t length;

	(void)state;
	credentials_make(&key, "", &made);
	for (size_t i = 0; i < strlen(made.password); i++) {
		other = made;
		other.password[i] ^= 1;
		assert_false(credentials_hold(&other, &whose));
	}
	for (size_t i = 0; i < strlen(made.user); i++) {
		other = made;
		other.user[i] ^= 1;
		assert_false(credentials_hold(&other, &whose));
	}
	credentials_plain(&made, line);
	length = strlen(line);
	for (size_t cut = 0; cut < length; cut++)
		if (credentials_decode_plain(line, cut, &other))
			assert_false(credentials_hold(&other, &whose));
	assert_false(credentials_decode("a*==", 4, other.user, sizeof(other.user)));
	assert_false(credentials_decode("YQBi", 4, other.user, sizeof(other.user)));
	assert_false(credentials_decode("YWJj", 4, other.user, 3));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_encoded_holds),
	    cmocka_unit_test(nothing_else_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
