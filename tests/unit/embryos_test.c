/* embryos: what the standby knows of connections that are no sessions yet. */
#include "shm/embryos.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct embryos embryos;

static struct embryo
make(uint16_t port, uint64_t seen_ms)
{
	return (struct embryo){
	    .number = port,
	    .seen_ms = seen_ms,
	    .local = {.family = 4, .port = 25, .address = {192, 0, 2, 1}},
	    .peer = {.family = 4, .port = port, .address = {198, 51, 100, 7}},
	};
}

static void
add(uint16_t port, uint64_t seen_ms)
{
	struct embryo embryo = make(port, seen_ms);

	embryos_add(&embryos, &embryo);
}

static void
remove_one(uint16_t port)
{
	struct embryo embryo = make(port, 0);

	embryos_remove(&embryos, &embryo.local, &embryo.peer);
}

static bool
has(uint16_t port)
{
	for (uint32_t i = 0; i < embryos.count; i++)
		if (embryos.entry[i].peer.port == port)
			return true;
	return false;
}

static void
test_becomes_a_session(void **state)
{
	(void)state;
	embryos_clear(&embryos);
	add(1, 1);
	add(2, 2);
	add(3, 3);
	remove_one(2);
	remove_one(4);
	assert_int_equal(embryos.count, 2);
	assert_true(has(1) && has(3));
	remove_one(3);
	remove_one(1);
	assert_int_equal(embryos.count, 0);
}

static void
test_sent_again_is_one(void **state)
{
	(void)state;
	embryos_clear(&embryos);
	add(1, 1);
	add(1, 1001);
	assert_int_equal(embryos.count, 1);
	assert_int_equal(embryos.entry[0].seen_ms, 1001);
}

static void
test_the_oldest_gives_way(void **state)
{
	(void)state;
	embryos_clear(&embryos);
	for (uint32_t i = 0; i < EMBRYO_MOST; i++)
		add((uint16_t)(1000 + i), i == 17 ? 1 : 100 + i);
	assert_int_equal(embryos.count, EMBRYO_MOST);
	add(7, 100000);
	assert_int_equal(embryos.count, EMBRYO_MOST);
	assert_true(has(7));
	assert_false(has(1017));
}

/* The count is memory that others can write. */
static void
test_a_wrong_count_is_bounded(void **state)
{
	(void)state;
	embryos_clear(&embryos);
	add(1, 1);
	embryos.count = UINT32_MAX;
	remove_one(9);
	add(9, 9);
	assert_int_equal(embryos.count, EMBRYO_MOST);
	assert_true(has(9));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_becomes_a_session),
	    cmocka_unit_test(test_sent_again_is_one),
	    cmocka_unit_test(test_the_oldest_gives_way),
	    cmocka_unit_test(test_a_wrong_count_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
