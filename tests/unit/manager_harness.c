#include "tests/unit/manager_harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int
apply(struct gateway *gateway, uint64_t index, uint32_t *ret_detail)
{
	struct listener_table table;
	int result = policy_area_listeners(shm_policy(&gateway->shm), (uint32_t)index, &table);

	for (uint32_t i = 0; result == 0 && i < table.count; i++)
		if (table.entry[i].listen.port == atomic_load(&gateway->busy_port)) {
			*ret_detail = i;
			return -EADDRINUSE;
		}
	if (result == 0) {
		gateway->table = table;
		atomic_fetch_add(&gateway->applied, 1);
	}
	return result;
}

static void *
supervise(void *context)
{
	struct gateway *gateway = context;

	while (!atomic_load(&gateway->stop)) {
		struct pollfd ready = {gateway->requests[0], POLLIN, 0};
		struct supervisor_request request;

		if (poll(&ready, 1, 20) != 1 ||
		    recv(ready.fd, &request, sizeof(request), 0) != sizeof(request))
			continue;
		struct supervisor_answer answer = {.number = request.number};
		if (request.kind == REQUEST_APPLY_LISTENERS)
			answer.error = apply(gateway, request.argument[0], &answer.detail);
		else if (request.kind == REQUEST_CLEAR_SESSION)
			atomic_store(&gateway->cleared, request.argument[0]);
		else if (request.kind == REQUEST_CLEAR_REFUSED)
			atomic_store(&gateway->refused_cleared, true);
		else
			answer.error = -ENOSYS;
		send(ready.fd, &answer, sizeof(answer), MSG_NOSIGNAL);
	}
	return NULL;
}

/* In the child: the descriptors by number, then the manager itself. */
static void
become_manager(const struct gateway *gateway, int settings)
{
	int given[9];
	unsigned count = 0;

	for (unsigned i = 0; i < SHM_REGIONS; i++)
		given[count++] = gateway->shm.fd[i];
	given[count++] = gateway->requests[1];
	given[count++] = gateway->listener;
	given[count++] = gateway->directory;
	given[count++] = settings;
	for (unsigned i = 0; i < count; i++)
		given[i] = fcntl(given[i], F_DUPFD, 100);
	/* Before its number may be one of those given. */
	close(gateway->requests[0]);
	for (unsigned i = 0; i < count; i++)
		dup2(given[i], MANAGER_FD_REGIONS + (int)i);
	for (unsigned i = 0; i < count; i++)
		close(given[i]);
	_exit(manager_run());
}

void
gateway_start_manager(struct gateway *gateway)
{
	int settings = memfd_create("settings", MFD_CLOEXEC);

	assert_int_equal(write(settings, &gateway->settings, sizeof(gateway->settings)),
	    sizeof(gateway->settings));
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, gateway->requests), 0);
	gateway->manager = fork();
	if (gateway->manager == 0)
		become_manager(gateway, settings);
	assert_true(gateway->manager > 0);
	close(settings);
	close(gateway->requests[1]);
	atomic_store(&gateway->stop, false);
	assert_int_equal(pthread_create(&gateway->thread, NULL, supervise, gateway), 0);
}

void
gateway_stop_manager(struct gateway *gateway, int signal, int expected)
{
	int status;

	kill(gateway->manager, signal);
	assert_int_equal(waitpid(gateway->manager, &status, 0), gateway->manager);
	if (signal == SIGKILL)
		assert_true(WIFSIGNALED(status));
	else
		assert_int_equal(WEXITSTATUS(status), expected);
	atomic_store(&gateway->stop, true);
	pthread_join(gateway->thread, NULL);
	close(gateway->requests[0]);
}

void
gateway_create_memory(struct gateway *gateway)
{
	struct shm_plan plan = {.slots = 64, .chunks = 64, .workers = 2};

	assert_int_equal(shm_create(&gateway->shm, &plan), 0);
}

static void
open_listener(struct gateway *gateway)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/control.sock", gateway->folder);
	gateway->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(gateway->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(chmod(address.sun_path, 0666), 0);
	assert_int_equal(listen(gateway->listener, 16), 0);
}

int
gateway_setup(void **state)
{
	struct gateway *gateway = calloc(1, sizeof(*gateway));

	snprintf(gateway->folder, sizeof(gateway->folder), "/tmp/manager-test-XXXXXX");
	assert_non_null(mkdtemp(gateway->folder));
	assert_int_equal(chmod(gateway->folder, 0755), 0);
	gateway->directory = open(gateway->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	gateway->settings.magic = SETTINGS_MAGIC;
	gateway->settings.version = SETTINGS_VERSION;
	snprintf(
	    gateway->settings.log_target, sizeof(gateway->settings.log_target), "udp:127.0.0.1:9");
	atomic_store(&gateway->busy_port, GATEWAY_BUSY_PORT);
	gateway_create_memory(gateway);
	open_listener(gateway);
	gateway_start_manager(gateway);
	*state = gateway;
	return 0;
}

int
gateway_teardown(void **state)
{
	static const char *const names[] = {"control.sock", "startup-config", "startup-config.1",
	    "startup-config.2", "running-config", "log-position", "candidate-config",
	    "confirm-config", "pair-out-running", "pair-out-startup", "pair-out-candidate",
	    "pair-out-confirm", "pair-in-running", "pair-in-startup", "pair-in-candidate",
	    "pair-in-confirm"};
	struct gateway *gateway = *state;

	gateway_stop_manager(gateway, SIGTERM, 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlinkat(gateway->directory, names[i], 0);
	for (unsigned slot = 0; slot < COMMITTED_SLOTS; slot++) {
		char name[STORE_NAME_MAX];

		snprintf(name, sizeof(name), "committed.%u", slot);
		unlinkat(gateway->directory, name, 0);
	}
	close(gateway->directory);
	close(gateway->listener);
	shm_detach(&gateway->shm);
	int result = rmdir(gateway->folder);
	free(gateway);
	return result;
}

void
person_open(struct person *person, const struct gateway *gateway)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memset(person, 0, sizeof(*person));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/control.sock", gateway->folder);
	person->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(person->socket, (struct sockaddr *)&address, sizeof(address)), 0);
	person->decoder = control_decoder_create();
	text_init(&person->text, 64u << 20);
}

void
person_close(struct person *person)
{
	close(person->socket);
	control_decoder_destroy(person->decoder);
	text_free(&person->text);
}

int
person_receive(struct person *person, struct control_reply *reply)
{
	for (;;) {
		struct pollfd ready = {person->socket, POLLIN, 0};
		size_t size;

		enum control_result result = control_decode_reply(
		    person->decoder, person->bytes, person->length, reply, &size);
		if (result == CONTROL_READY) {
			text_add(&person->text, reply->text, reply->text_length);
			snprintf(person->prompt, sizeof(person->prompt), "%s", reply->prompt);
			person->length -= size;
			memmove(person->bytes, person->bytes + size, person->length);
			return (int)reply->status;
		}
		assert_int_equal(result, CONTROL_MORE);
		if (poll(&ready, 1, 20000) != 1)
			return -2;
		ssize_t n = recv(person->socket, person->bytes + person->length,
		    sizeof(person->bytes) - person->length, 0);
		if (n <= 0)
			return -1;
		person->length += (size_t)n;
	}
}

void
person_ask(struct person *person, enum control_kind kind, const char *line, bool json)
{
	struct control_request request = {++person->id, kind, json, line};
	uint8_t frame[4096];
	size_t length = control_encode_request(&request, frame, sizeof(frame));

	text_clear(&person->text);
	assert_int_equal(send(person->socket, frame, length, MSG_NOSIGNAL), length);
}

int
person_await(struct person *person)
{
	struct control_reply reply = {0};
	int status;

	do {
		status = person_receive(person, &reply);
		if (status < 0)
			return status;
		assert_int_equal(reply.id, person->id);
	} while (!reply.final);
	return status;
}

int
person_execute(struct person *person, const char *line)
{
	person_ask(person, CONTROL_EXECUTE, line, false);
	return person_await(person);
}

bool
person_says(const struct person *person, const char *wanted)
{
	return strstr(text_string(&person->text), wanted) != NULL;
}
