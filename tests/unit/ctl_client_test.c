/* client: asks one thing at a time, can stop an endless answer, and survives any manager. */
#include "ctl/client.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

static char path[64];
static pid_t manager;
static struct client *client;

static void
reply(int socket, uint32_t id, uint32_t status, const char *text, bool final)
{
	static uint8_t frame[1024];
	const struct control_reply message = {.id = id,
	    .status = status,
	    .final = final,
	    .text = (const uint8_t *)text,
	    .text_length = strlen(text),
	    .prompt = final ? "mx# " : ""};
	size_t size = control_encode_reply(&message, frame, sizeof(frame));

	if (size == 0 || write(socket, frame, size) != (ssize_t)size)
		_exit(2);
}

/* The manager's part: what the line says decides how it answers. */
static void
answer(int socket, const struct control_request *request)
{
	static uint32_t following;

	if (following != 0)
		reply(socket, following, 0, "", true);
	following = 0;
	if (strcmp(request->line, "follow") == 0) {
		following = request->id;
		for (int i = 0; i < 3; i++)
			reply(socket, request->id, 0, "event\n", false);
	} else if (strcmp(request->line, "parts") == 0) {
		reply(socket, request->id, 0, "one ", false);
		reply(socket, request->id, 0, "two", true);
	} else if (strcmp(request->line, "status 256") == 0) {
		reply(socket, request->id, 256, "", true);
	} else if (strcmp(request->line, "late") == 0) {
		reply(socket, request->id + 7, 65, "of another request", true);
		reply(socket, request->id, 0, "mine", true);
	} else if (strcmp(request->line, "garbage") == 0) {
		if (write(socket, "HTTP/1.1 400 Bad Request\r\n\r\n", 28) != 28)
			_exit(2);
	} else if (strcmp(request->line, "die") == 0) {
		_exit(0);
	} else {
		reply(socket, request->id, 0, request->line, true);
	}
}

static void
serve(int listener)
{
	static uint8_t buffer[CONTROL_REQUEST_FRAME_MAX];
	struct control_decoder *decoder = control_decoder_create();
	int socket = accept(listener, NULL, NULL);
	size_t held = 0, size;

	for (;;) {
		struct control_request request;
		ssize_t got = read(socket, buffer + held, sizeof(buffer) - held);

		if (got <= 0)
			_exit(0);
		held += (size_t)got;
		while (control_decode_request(decoder, buffer, held, &request, &size) ==
		       CONTROL_READY) {
			answer(socket, &request);
			held -= size;
			memmove(buffer, buffer + size, held);
		}
	}
}

static int
setup(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	snprintf(path, sizeof(path), "/tmp/ctl_client_test.%d", (int)getpid());
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listener, 1) < 0)
		return -1;
	manager = fork();
	if (manager == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(listener);
	}
	close(listener);
	return manager < 0 ? -1 : client_open(path, &client);
}

static int
teardown(void **state)
{
	(void)state;
	client_close(client);
	signal(SIGINT, SIG_DFL);
	unlink(path);
	return waitpid(manager, NULL, 0) == manager ? 0 : -1;
}

struct taken {
	char text[256];
	unsigned replies;
	unsigned stop_after; /* 0: takes all */
	unsigned interrupt_after;
	char prompt[16];
};

static bool
take(void *context, const struct control_reply *message)
{
	struct taken *taken = context;
	size_t used = strlen(taken->text);

	taken->replies++;
	snprintf(taken->text + used, sizeof(taken->text) - used, "%.*s", (int)message->text_length,
	    message->text != NULL ? (const char *)message->text : "");
	if (message->final)
		snprintf(taken->prompt, sizeof(taken->prompt), "%s", message->prompt);
	if (taken->replies == taken->interrupt_after)
		raise(SIGINT);
	return taken->replies != taken->stop_after;
}

static int
ask(const char *line, struct taken *taken, unsigned *status)
{
	return client_ask(client, CONTROL_EXECUTE, line, false, take, taken, status);
}

static void
test_answer_in_parts(void **state)
{
	struct taken taken = {.text = ""};
	unsigned status = 99;

	(void)state;
	assert_int_equal(ask("parts", &taken, &status), 0);
	assert_string_equal(taken.text, "one two");
	assert_string_equal(taken.prompt, "mx# ");
	assert_int_equal(status, EX_OK);
}

static void
test_reply_to_another_request(void **state)
{
	struct taken taken = {.text = ""};
	unsigned status = 99;

	(void)state;
	assert_int_equal(ask("late", &taken, &status), 0);
	assert_string_equal(taken.text, "mine");
	assert_int_equal(status, EX_OK);
}

static void
expect_next_works(void)
{
	struct taken taken = {.text = ""};
	unsigned status;

	assert_int_equal(ask("still here", &taken, &status), 0);
	assert_string_equal(taken.text, "still here");
	assert_int_equal(taken.replies, 1);
}

static void
test_reader_has_enough(void **state)
{
	struct taken taken = {.stop_after = 2};
	unsigned status = 99;

	(void)state;
	assert_int_equal(ask("follow", &taken, &status), 0);
	assert_string_equal(taken.text, "event\nevent\n");
	assert_string_equal(taken.prompt, "mx# ");
	assert_int_equal(status, EX_OK);
	expect_next_works();
}

static void
test_interrupt_stops_the_answer(void **state)
{
	struct taken taken = {.interrupt_after = 3};
	unsigned status = 99;

	(void)state;
	client_catch_interrupt(client);
	for (unsigned i = 0; i < 3; i++) {
		taken = (struct taken){.interrupt_after = 3};
		assert_int_equal(ask("follow", &taken, &status), 0);
		assert_string_equal(taken.text, "event\nevent\nevent\n");
		assert_string_equal(taken.prompt, "mx# ");
		expect_next_works();
	}
}

static void
test_status_is_no_success_by_wrapping(void **state)
{
	struct taken taken = {.text = ""};
	unsigned status = 0;

	(void)state;
	assert_int_equal(ask("status 256", &taken, &status), 0);
	assert_int_equal(status, EX_PROTOCOL);
}

static void
test_answer_of_something_else(void **state)
{
	struct taken taken = {.text = ""};
	unsigned status;

	(void)state;
	assert_int_equal(ask("garbage", &taken, &status), EX_PROTOCOL);
	assert_int_equal(taken.replies, 0);
}

static void
test_manager_dies(void **state)
{
	struct taken taken = {.text = ""};
	unsigned status;

	(void)state;
	assert_int_equal(ask("die", &taken, &status), EX_UNAVAILABLE);
	assert_int_equal(ask("again", &taken, &status), EX_UNAVAILABLE); /* and no SIGPIPE */
}

static void
test_nobody_listens(void **state)
{
	struct client *none = NULL;
	char long_path[300];

	(void)state;
	assert_int_equal(client_open("/nonexistent/control.sock", &none), EX_UNAVAILABLE);
	memset(long_path, 'x', sizeof(long_path));
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(client_open(long_path, &none), EX_USAGE);
	assert_int_equal(client_open("", &none), EX_USAGE);
	assert_null(none);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_answer_in_parts),
	    TEST(test_reply_to_another_request),
	    TEST(test_reader_has_enough),
	    TEST(test_interrupt_stops_the_answer),
	    TEST(test_status_is_no_success_by_wrapping),
	    TEST(test_answer_of_something_else),
	    TEST(test_manager_dies),
	    cmocka_unit_test(test_nobody_listens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
