/* notify_line: keepalived's lines, however the FIFO cuts them. */
#include "daemon/sync/notify_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static enum notify_result
parse(const char *text, struct notify_line *line, const char **why)
{
	return notify_line_parse(text, strlen(text), line, why);
}

static void
expect_line(const char *text, bool group, const char *name, enum notify_state state, int priority)
{
	struct notify_line line;
	const char *why;

	if (parse(text, &line, &why) != NOTIFY_LINE)
		fail_msg("'%s' is refused: %s", text, why);
	assert_true(line.group == group);
	assert_string_equal(line.name, name);
	assert_int_equal(line.state, state);
	assert_int_equal(line.priority, priority);
}

static void
test_every_state(void **state)
{
	char text[128];

	(void)state;
	for (unsigned i = 0; i < NOTIFY_STATE_COUNT; i++) {
		snprintf(text, sizeof(text), "INSTANCE \"VI_1\" %s 100", notify_state_word(i));
		expect_line(text, false, "VI_1", i, 100);
	}
	assert_string_equal(notify_state_word(NOTIFY_STATE_COUNT), "");
	expect_line("GROUP \"VG_1\" FAULT 0", true, "VG_1", NOTIFY_FAULT, 0);
	expect_line("INSTANCE \"VI_1\" MASTER 255", false, "VI_1", NOTIFY_MASTER, 255);
}

/* keepalived writes a name as it stands in its configuration. */
static void
test_odd_names(void **state)
{
	(void)state;
	expect_line(
	    "INSTANCE \"mail in front\" BACKUP 1", false, "mail in front", NOTIFY_BACKUP, 1);
	expect_line(
	    "INSTANCE \"the \"outer\" one\" STOP 90", false, "the \"outer\" one", NOTIFY_STOP, 90);
	expect_line("INSTANCE \"a\" MASTER 1\" BACKUP 2", false, "a\" MASTER 1", NOTIFY_BACKUP, 2);
	expect_line("INSTANCE \"\"\" MASTER 1", false, "\"", NOTIFY_MASTER, 1);
	expect_line("INSTANCE \"K\xc3\xb6ln\" MASTER 1", false, "K\xc3\xb6ln", NOTIFY_MASTER, 1);
}

static void
test_what_is_refused(void **state)
{
	static const char *const refused[] = {
	    "",
	    "INSTANCE",
	    "INSTANCE \"",
	    "INSTANCE \"VI_1",
	    "INSTANCE \"\" MASTER 100",
	    "INSTANCE \"VI_1\"",
	    "INSTANCE \"VI_1\" ",
	    "INSTANCE \"VI_1\" MASTER",
	    "INSTANCE \"VI_1\" MASTER ",
	    "INSTANCE \"VI_1\" MASTER 256",
	    "INSTANCE \"VI_1\" MASTER 1000",
	    "INSTANCE \"VI_1\" MASTER -1",
	    "INSTANCE \"VI_1\" MASTER 1 ",
	    "INSTANCE \"VI_1\" MASTERS 1",
	    "INSTANCE \"VI_1\" MASTE 1",
	    "INSTANCE \"VI_1\" master 1",
	    "INSTANCE \"VI_1\"  MASTER 1",
	    "INSTANCE  \"VI_1\" MASTER 1",
	    " INSTANCE \"VI_1\" MASTER 1",
	    "INSTANCE VI_1 MASTER 1",
	    "instance \"VI_1\" MASTER 1",
	    "INSTANCE \"V\tI\" MASTER 1",
	    "INSTANCE \"VI_1\" MASTER 1\r",
	    "FILE \"VI_1\" MASTER 1",
	};
	struct notify_line line;
	const char *why;
	char text[NOTIFY_LINE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (parse(refused[i], &line, &why) != NOTIFY_BAD)
			fail_msg("taken: '%s'", refused[i]);
		assert_true(why[0] != '\0');
	}
	memset(text, 'n', sizeof(text));
	snprintf(text, sizeof(text), "INSTANCE \"%0*d\" MASTER 1", NOTIFY_NAME_MAX, 0);
	assert_int_equal(parse(text, &line, &why), NOTIFY_LINE);
	snprintf(text, sizeof(text), "INSTANCE \"%0*d\" MASTER 1", NOTIFY_NAME_MAX + 1, 0);
	assert_int_equal(parse(text, &line, &why), NOTIFY_BAD);
	assert_non_null(strstr(why, "too long"));
}

static void
test_servers_are_passed_over(void **state)
{
	struct notify_line line;
	const char *why;

	(void)state;
	assert_int_equal(parse("VS [192.168.201.15]:tcp:80 UP", &line, &why), NOTIFY_FOREIGN);
	assert_int_equal(
	    parse("RS [1.2.3.4]:tcp:80 [192.168.201.15]:tcp:80 DOWN", &line, &why), NOTIFY_FOREIGN);
}

/* What a stream gives, one letter for each line: M, B and so on, F foreign, - bad. */
static void
read_in_parts(const char *stream, size_t length, size_t part, char *ret_seen)
{
	struct notify_reader reader;
	struct notify_line line;
	const char *why;
	size_t used;

	notify_reader_start(&reader);
	for (size_t at = 0; at < length; at += part) {
		size_t left = length - at < part ? length - at : part;

		for (size_t done = 0; done <= left; done += used) {
			enum notify_result result = notify_reader_take(
			    &reader, stream + at + done, left - done, &used, &line, &why);
			if (result == NOTIFY_MORE)
				break;
			*ret_seen++ = result == NOTIFY_LINE	 ? notify_state_word(line.state)[0]
				      : result == NOTIFY_FOREIGN ? 'f'
								 : '-';
		}
	}
	*ret_seen = '\0';
}

static void
test_any_cut_one_result(void **state)
{
	static const char stream[] =
	    "INSTANCE \"VI_1\" BACKUP 100\nGROUP \"VG\" MASTER 0\n\nVS [::1]:tcp:25 UP\n"
	    "rubbish\nINSTANCE \"a \"b\" c\" STOP 7\nINSTANCE \"VI_1\" DELETED 0\nINSTANCE "
	    "\"VI_1\" MA";
	char seen[32];

	(void)state;
	for (size_t part = 1; part < sizeof(stream); part++) {
		read_in_parts(stream, sizeof(stream) - 1, part, seen);
		assert_string_equal(seen, "BM-f-SD");
	}
}

/* The line after one that is too long is read as if nothing had been. */
static void
test_too_long(void **state)
{
	static const char good[] = "INSTANCE \"VI_1\" MASTER 100\n";
	char stream[3 * NOTIFY_LINE_MAX];
	char seen[32];

	(void)state;
	for (size_t length = NOTIFY_LINE_MAX; length <= NOTIFY_LINE_MAX + 2; length++) {
		memset(stream, 'x', length);
		stream[length] = '\n';
		memcpy(stream + length + 1, good, sizeof(good));
		for (size_t part = 1; part < length + sizeof(good); part += 7) {
			read_in_parts(stream, length + sizeof(good), part, seen);
			assert_string_equal(seen, "-M");
		}
	}
	struct notify_reader reader;
	struct notify_line line;
	const char *why;
	size_t used;
	notify_reader_start(&reader);
	memset(stream, 'x', sizeof(stream));
	assert_int_equal(
	    notify_reader_take(&reader, stream, sizeof(stream), &used, &line, &why), NOTIFY_MORE);
	assert_int_equal(notify_reader_take(&reader, "\n", 1, &used, &line, &why), NOTIFY_BAD);
	assert_string_equal(why, "it is too long");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_state),
	    cmocka_unit_test(test_odd_names),
	    cmocka_unit_test(test_what_is_refused),
	    cmocka_unit_test(test_servers_are_passed_over),
	    cmocka_unit_test(test_any_cut_one_result),
	    cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
