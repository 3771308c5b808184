#include "daemon/manager/log_target.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MESSAGES 300u

/* A pipe in the place of standard error. */
struct outlook {
	int saved;
	int reader;
};

static struct outlook
look_out(void)
{
	struct outlook outlook = {.saved = dup(STDERR_FILENO)};
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	close(ends[1]);
	outlook.reader = ends[0];
	return outlook;
}

static void
look_back(const struct outlook *outlook)
{
	dup2(outlook->saved, STDERR_FILENO);
	close(outlook->saved);
	close(outlook->reader);
}

static unsigned
write_message(struct log_target *target, unsigned number, size_t length)
{
	struct event event;
	struct text text;
	unsigned lost;

	event_init(&event, 302013, number);
	text_init(&text, 2 * LOG_LINE_MAX);
	text_printf(&text, "%0*u", (int)length, number);
	lost = log_target_write(target, &event, event_describe(302013), &text);
	text_free(&text);
	return lost;
}

/* All lines arrive, in order and whole, and only when they are let out or fill a packet. */
static void
test_lines_gather(void **state)
{
	static char bytes[MESSAGES * 40 + 1];
	struct outlook outlook = look_out();
	struct log_target target;
	unsigned lost = 0;
	size_t length = 0;
	ssize_t got;

	(void)state;
	log_target_open(&target, "stderr");
	lost += write_message(&target, 0, 39);
	assert_true(read(outlook.reader, bytes, sizeof(bytes)) < 0);
	for (unsigned i = 1; i < MESSAGES; i++)
		lost += write_message(&target, i, 39);
	lost += log_target_flush(&target);
	lost += log_target_flush(&target);
	while ((got = read(outlook.reader, bytes + length, sizeof(bytes) - length)) > 0)
		length += (size_t)got;
	look_back(&outlook);
	log_target_close(&target);

	assert_int_equal(lost, 0);
	assert_int_equal(length, MESSAGES * 40);
	for (unsigned i = 0; i < MESSAGES; i++) {
		char wanted[48];

		snprintf(wanted, sizeof(wanted), "%039u\n", i);
		assert_memory_equal(bytes + (size_t)i * 40, wanted, 40);
	}
}

static void
test_long_line_is_cut(void **state)
{
	static char bytes[2 * LOG_LINE_MAX];
	struct outlook outlook = look_out();
	struct log_target target;
	ssize_t got;

	(void)state;
	log_target_open(&target, "stderr");
	assert_int_equal(write_message(&target, 7, LOG_LINE_MAX + 100), 0);
	assert_int_equal(log_target_flush(&target), 0);
	got = read(outlook.reader, bytes, sizeof(bytes));
	look_back(&outlook);
	log_target_close(&target);
	assert_int_equal(got, LOG_LINE_MAX);
	assert_int_equal(bytes[LOG_LINE_MAX - 1], '\n');
}

/* Nobody reads: what does not leave is counted, to the line, and nothing waits. */
static void
test_full_pipe_is_counted(void **state)
{
	static char bytes[1u << 20];
	struct outlook outlook = look_out();
	struct log_target target;
	unsigned lost = 0, written = 20000;
	ssize_t got, length = 0;

	(void)state;
	log_target_open(&target, "stderr");
	for (unsigned i = 0; i < written; i++)
		lost += write_message(&target, i, 39);
	lost += log_target_flush(&target);
	while ((got = read(outlook.reader, bytes, sizeof(bytes))) > 0)
		length += got;
	look_back(&outlook);
	log_target_close(&target);
	assert_true(lost > 0 && lost < written);
	assert_int_equal(length, (written - lost) * 40);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines_gather),
	    cmocka_unit_test(test_long_line_is_cut),
	    cmocka_unit_test(test_full_pipe_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
