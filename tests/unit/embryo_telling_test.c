/* embryo_telling: SYN-ACKs go when the standby has acknowledged their embryos, in order and each once. */
#include "daemon/sync/embryo_telling.h"

#include "daemon/sync/incoming.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SLOTS 4u

static struct gate_place places[2 + 2 * SLOTS];
static struct gate_positions table = {.place = places, .slots = SLOTS};
static struct embryo_ring ring;
static struct embryo_telling telling;
static struct channel *channel;

static enum sync_reason
store(void *owner, uint64_t lsn, const struct sync_entry *entry)
{
	(void)owner;
	(void)lsn;
	(void)entry;
	return SYNC_GOOD;
}

static void
told(void *owner, const struct channel_event *event)
{
	(void)owner;
	(void)event;
}

static int
set_up(void **state)
{
	const struct channel_settings settings = {
	    .node = "mx1",
	    .peer = "",
	    .version_oldest = 1,
	    .version_newest = 1,
	    .record_oldest = 1,
	    .record_newest = 1,
	    .slots = SLOTS,
	    .chunks = 4,
	    .commit = SYNC_COMMIT_DEGRADE,
	    .log = {9, SLOTS, 8u << 20, 20000, 64, 65536},
	    .store = store,
	    .tell = told,
	};

	(void)state;
	memset(places, 0, sizeof(places));
	memset(&ring, 0, sizeof(ring));
	channel = channel_create(&settings);
	channel_set_standing(channel, SYNC_ROLE_ACTIVE, 1);
	channel_begin_snapshot(channel);
	embryo_telling_init(&telling, &ring, &table);
	embryo_telling_begin(&telling);
	return channel == NULL;
}

static int
tear_down(void **state)
{
	(void)state;
	channel_destroy(channel);
	return 0;
}

static void
arrive(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const struct embryo embryo = {
		    .local = {.family = 4, .port = 25},
		    .peer = {.family = 4, .port = (uint16_t)(1000 + i)},
		    .window_scale = EMBRYO_NO_SCALE,
		};

		assert_true(embryo_add(&ring, &embryo, telling.known) > 0);
	}
}

static uint64_t
newest(void)
{
	return outgoing_newest(channel_outgoing(channel));
}

static uint64_t
known(void)
{
	return gate_positions_known_embryos(&table);
}

static void
test_goes_when_acknowledged(void **state)
{
	uint64_t before = newest();

	(void)state;
	arrive(3);
	assert_int_equal(embryo_telling_step(&telling, channel, 1, 5), OUTGOING_TAKEN);
	assert_int_equal(newest(), before + 3);
	assert_int_equal(known(), 0);
	embryo_telling_acknowledge(&telling, before);
	assert_int_equal(known(), 0);
	embryo_telling_acknowledge(&telling, before + 2);
	assert_int_equal(known(), 2);
	/* Nothing is told twice. */
	assert_int_equal(embryo_telling_step(&telling, channel, 2, 5), OUTGOING_TAKEN);
	assert_int_equal(newest(), before + 3);
	embryo_telling_acknowledge(&telling, before + 3);
	assert_int_equal(known(), 3);
}

static void
test_another_log_hears_of_it_again(void **state)
{
	uint64_t before;

	(void)state;
	arrive(2);
	embryo_telling_step(&telling, channel, 1, 5);
	embryo_telling_acknowledge(&telling, newest() - 1);
	assert_int_equal(known(), 1);
	channel_begin_snapshot(channel);
	embryo_telling_begin(&telling);
	before = newest();
	embryo_telling_step(&telling, channel, 2, 5);
	assert_int_equal(newest(), before + 1);
	embryo_telling_acknowledge(&telling, newest());
	assert_int_equal(known(), 2);
}

/* Of those that it cannot read it does not make the others wait. */
static void
test_damage_is_passed_over(void **state)
{
	(void)state;
	arrive(3);
	ring.entry[2].number = 77;
	ring.entry[3].peer.family = 9;
	assert_int_equal(embryo_telling_step(&telling, channel, 1, 5), OUTGOING_TAKEN);
	embryo_telling_acknowledge(&telling, newest());
	assert_int_equal(known(), 3);
	/* A ring that claims more than it can hold. */
	atomic_store(&ring.written, 1000000);
	assert_int_equal(embryo_telling_step(&telling, channel, 1, 5), OUTGOING_TAKEN);
	embryo_telling_acknowledge(&telling, newest());
	assert_int_equal(known(), 1000000);
}

static void
test_no_log(void **state)
{
	(void)state;
	channel_abandon(channel);
	arrive(1);
	assert_int_equal(embryo_telling_step(&telling, channel, 1, 5), OUTGOING_NO_LOG);
	assert_int_equal(telling.told, 0);
}

static void
test_another_sync_goes_on(void **state)
{
	(void)state;
	arrive(4);
	embryo_telling_step(&telling, channel, 1, 5);
	embryo_telling_acknowledge(&telling, newest() - 1);
	embryo_telling_init(&telling, &ring, &table);
	assert_int_equal(telling.told, 3);
	embryo_telling_init(&telling, &ring, NULL);
	assert_int_equal(embryo_telling_step(&telling, channel, 1, 5), OUTGOING_TAKEN);
	embryo_telling_acknowledge(&telling, UINT64_MAX);
	assert_int_equal(known(), 3);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
	    TEST(test_goes_when_acknowledged),
	    TEST(test_another_log_hears_of_it_again),
	    TEST(test_damage_is_passed_over),
	    TEST(test_no_log),
	    TEST(test_another_sync_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
