#include "daemon/supervisor/listener.h"

#include "daemon/endpoint.h"
#include "daemon/supervisor/leg.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct scene {
	struct listeners listeners;
	struct listener_table table;
	int watched;
	int refused; /* how many watches are granted before one fails; -1: all */
};

static int
watch(void *context, int fd, bool opened)
{
	struct scene *scene = context;

	assert_true(fd >= 0);
	if (opened && scene->refused == scene->watched)
		return -ENOSPC;
	scene->watched += opened ? 1 : -1;
	return 0;
}

static int
set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	assert_non_null(scene);
	scene->refused = -1;
	*state = scene;
	return 0;
}

static int
tear_down(void **state)
{
	struct scene *scene = *state;

	listeners_close(&scene->listeners, watch, scene);
	assert_int_equal(scene->watched, 0);
	free(scene);
	return 0;
}

/* A port that nobody has at this moment. */
static uint16_t
free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	close(fd);
	return ntohs(address.sin_port);
}

static void
add(struct scene *scene, uint16_t port, uint32_t policy_slot)
{
	scene->table.entry[scene->table.count++] = (struct listener_entry){
	    .listen = {.family = 4, .port = port, .address = {127, 0, 0, 1}},
	    .server = {.family = 4, .port = 25, .address = {127, 0, 0, 1}},
	    .policy_slot = policy_slot,
	};
}

static int
apply(struct scene *scene, uint32_t *ret_index)
{
	*ret_index = UINT32_MAX;
	return listeners_apply(&scene->listeners, &scene->table, watch, scene, ret_index);
}

static void
test_kept_sockets_stay_open(void **state)
{
	struct scene *scene = *state;
	uint16_t a = free_port(), b = free_port(), c = free_port();
	uint32_t index;
	int kept;

	add(scene, a, 1);
	add(scene, b, 1);
	assert_int_equal(apply(scene, &index), 0);
	assert_int_equal(scene->watched, 2);
	kept = scene->listeners.listener[1].fd;

	scene->table.count = 0;
	add(scene, b, 2);
	add(scene, c, 1);
	assert_int_equal(apply(scene, &index), 0);
	assert_int_equal(scene->watched, 2);
	assert_int_equal(scene->listeners.count, 2);
	assert_int_equal(scene->listeners.listener[0].fd, kept);
	assert_int_equal(scene->listeners.listener[0].entry.policy_slot, 2);
	assert_ptr_equal(
	    listeners_find(&scene->listeners, kept, &index), &scene->listeners.listener[0]);
	assert_null(listeners_find(&scene->listeners, -5, &index));
	/* The first is free again. */
	scene->table.count = 0;
	add(scene, a, 1);
	assert_int_equal(apply(scene, &index), 0);
	assert_int_equal(scene->watched, 1);
}

static void
test_failure_changes_nothing(void **state)
{
	struct scene *scene = *state;
	struct scene *other = NULL;
	uint16_t a = free_port(), b = free_port(), taken = free_port();
	uint32_t index;
	int fd;

	set_up((void **)&other);
	add(other, taken, 0);
	assert_int_equal(apply(other, &index), 0);

	add(scene, a, 1);
	assert_int_equal(apply(scene, &index), 0);
	fd = scene->listeners.listener[0].fd;
	scene->table.count = 0;
	add(scene, a, 2);
	add(scene, b, 2);
	add(scene, taken, 2);
	assert_int_equal(apply(scene, &index), -EADDRINUSE);
	assert_int_equal(index, 2);
	assert_int_equal(scene->watched, 1);
	assert_int_equal(scene->listeners.count, 1);
	assert_int_equal(scene->listeners.listener[0].fd, fd);
	assert_int_equal(scene->listeners.listener[0].entry.policy_slot, 1);
	tear_down((void **)&other);
}

static void
test_bad_tables_are_refused(void **state)
{
	struct scene *scene = *state;
	uint16_t a = free_port();
	uint32_t index;

	add(scene, a, 0);
	add(scene, a, 0);
	assert_int_equal(apply(scene, &index), -EADDRINUSE);
	assert_int_equal(index, 1);
	scene->table.count = 0;
	add(scene, 0, 0);
	assert_int_equal(apply(scene, &index), -EINVAL);
	assert_int_equal(index, 0);
	scene->table.count = 0;
	scene->refused = 1;
	add(scene, a, 0);
	add(scene, free_port(), 0);
	assert_int_equal(apply(scene, &index), -ENOSPC);
	assert_int_equal(index, 1);
	assert_int_equal(scene->watched, 0);
}

static void
test_class_rules_go_with_the_table(void **state)
{
	struct scene *scene = *state;
	struct shm_endpoint client = {.family = 4, .address = {192, 0, 2, 1}};
	struct listeners *listeners = &scene->listeners;
	struct listener_table *table = &scene->table;
	uint16_t a = free_port();
	uint32_t index;

	add(scene, a, 1);
	table->class_rules = 2;
	table->class_rule[1] = (struct class_rule){.permit = 1, .policy_slot = 7};
	memcpy(table->class_of[0].name, "one", sizeof("one"));
	table->entry[0].class_first = 1;
	table->entry[0].class_count = 1;
	assert_int_equal(apply(scene, &index), 0);
	assert_int_equal(
	    classify(&listeners->classes, &listeners->listener[0].entry, &client).policy_slot, 7);
	assert_string_equal(listeners->classes.class_of[0].name, "one");

	/* A table that is refused takes no rule away, and gives none. */
	table->class_rule[1].policy_slot = 8;
	memcpy(table->class_of[0].name, "two", sizeof("two"));
	add(scene, a, 1);
	assert_int_equal(apply(scene, &index), -EADDRINUSE);
	assert_int_equal(listeners->classes.rule[1].policy_slot, 7);
	assert_string_equal(listeners->classes.class_of[0].name, "one");
	table->count = 1;
	assert_int_equal(apply(scene, &index), 0);
	assert_int_equal(listeners->classes.rule[1].policy_slot, 8);
	assert_string_equal(listeners->classes.class_of[0].name, "two");
}

static void
test_accepted_sockets_inherit_the_options(void **state)
{
	struct scene *scene = *state;
	struct sockaddr_storage address;
	socklen_t length;
	uint32_t index;
	int client, server, value = 0;

	add(scene, free_port(), 0);
	scene->listeners.bounds_input = true;
	assert_int_equal(apply(scene, &index), 0);
	length = endpoint_sockaddr(&scene->table.entry[0].listen, &address);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(client, (struct sockaddr *)&address, length), 0);
	server = accept4(scene->listeners.listener[0].fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(server >= 0);
	length = sizeof(value);
	assert_int_equal(getsockopt(server, SOL_SOCKET, SO_OOBINLINE, &value, &length), 0);
	assert_int_not_equal(value, 0);
	assert_int_equal(getsockopt(server, SOL_SOCKET, SO_KEEPALIVE, &value, &length), 0);
	assert_int_not_equal(value, 0);
	assert_int_equal(getsockopt(server, IPPROTO_TCP, TCP_NODELAY, &value, &length), 0);
	assert_int_not_equal(value, 0);
	assert_int_equal(getsockopt(server, SOL_SOCKET, SO_RCVBUF, &value, &length), 0);
	assert_int_equal(value, 2 * SHM_RECEIVE_BUFFER);
	assert_int_equal(getsockopt(server, IPPROTO_TCP, TCP_QUICKACK, &value, &length), 0);
	assert_int_equal(value, 0);
	close(client);
	close(server);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
	    TEST(test_kept_sockets_stay_open),
	    TEST(test_failure_changes_nothing),
	    TEST(test_bad_tables_are_refused),
	    TEST(test_class_rules_go_with_the_table),
	    TEST(test_accepted_sockets_inherit_the_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
