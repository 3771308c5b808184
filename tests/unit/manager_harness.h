/*
 * manager_harness -- plays supervisor and person for a manager process
 *
 * Makes shared memory, a state directory and the control socket, forks the manager of this program
 * (manager_run()), answers its requests to the supervisor, and speaks to it as smtpguardctl does.
 * Every step that fails ends the test (cmocka).
 */
#ifndef TESTS_UNIT_MANAGER_HARNESS_H
#define TESTS_UNIT_MANAGER_HARNESS_H

#include "daemon/manager/manager.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#define GATEWAY_BUSY_PORT 9999

struct gateway {
	char folder[64];
	int directory;
	int listener;
	int requests[2]; /* supervisor's end, manager's end */
	struct shm shm;
	struct settings settings;
	pid_t manager;
	atomic_uint busy_port; /* the test's supervisor cannot listen there */
	pthread_t thread;
	atomic_bool stop;
	atomic_uint applied;
	atomic_ullong cleared;
	atomic_bool refused_cleared;
	struct listener_table table; /* as last applied; read after a reply only */
};

struct person {
	int socket;
	struct control_decoder *decoder;
	uint8_t bytes[2 * CONTROL_REPLY_FRAME_MAX];
	size_t length;
	uint32_t id;
	struct text text; /* of the last answer */
	char prompt[128];
};

/* cmocka's; *state is the gateway, whose manager runs. */
int gateway_setup(void **state);
int gateway_teardown(void **state);

/* Fresh shared memory in gateway->shm. */
void gateway_create_memory(struct gateway *gateway);
void gateway_start_manager(struct gateway *gateway);
/* Waits for its end; signal 0: it ends by itself. `expected`: exit status, unless it is SIGKILL. */
void gateway_stop_manager(struct gateway *gateway, int signal, int expected);

void person_open(struct person *person, const struct gateway *gateway);
void person_close(struct person *person);
void person_ask(struct person *person, enum control_kind kind, const char *line, bool json);
/* The next reply's text is appended; -1: the manager has closed, -2: nothing within 20 s. */
int person_receive(struct person *person, struct control_reply *reply);
/* Replies up to the final one; its status, or as person_receive(). */
int person_await(struct person *person);
/* Both. */
int person_execute(struct person *person, const char *line);
/* The last answer holds the words. */
bool person_says(const struct person *person, const char *wanted);

#endif
