/* Messages from one host to the other: over TLS, in blocks, cut anywhere, and changed on their way. */
#include "daemon/sync/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BATCH_BYTES 200000u

static const uint8_t key[KEY_SIZE] = {1, 2, 3};
static const uint8_t other_key[KEY_SIZE] = {1, 2, 4};

struct end {
	struct wire *wire;
	unsigned got;
	uint64_t last; /* number of the last one */
	size_t bytes;  /* of batches */
};

struct pair {
	struct end client, server;
	uint64_t carried; /* bytes of the client */
	uint64_t flip;	  /* that one is changed; UINT64_MAX: none */
	size_t cut;
};

static struct pair
pair_of(const uint8_t *server_key)
{
	struct pair pair = {
	    .client = {wire_create(true, "mx1", "mx2", key)},
	    .server = {wire_create(false, "mx2", "mx1", server_key)},
	    .flip = UINT64_MAX,
	    .cut = 65536,
	};

	assert_non_null(pair.client.wire);
	assert_non_null(pair.server.wire);
	return pair;
}

static void
pair_free(struct pair *pair)
{
	wire_destroy(pair->client.wire);
	wire_destroy(pair->server.wire);
}

static void
take(struct end *end)
{
	struct sync_message message;

	while (wire_next(end->wire, &message)) {
		end->got++;
		if (message.kind == SYNC_HEARTBEAT)
			end->last = message.heartbeat.lsn;
		if (message.kind == SYNC_BATCH)
			end->bytes += message.batch.entry[0].length;
	}
}

static size_t
carry(struct pair *pair, struct end *from, struct end *to)
{
	static uint8_t bytes[65536];
	size_t length = wire_drain(from->wire, bytes, pair->cut);
	size_t taken = 0;

	if (from == &pair->client) {
		if (pair->flip - pair->carried < length)
			bytes[pair->flip - pair->carried] ^= 0x10;
		pair->carried += length;
	}
	while (taken < length && wire_state(to->wire) != WIRE_OVER) {
		taken += wire_feed(to->wire, bytes + taken, length - taken);
		take(to);
	}
	return length;
}

static void
carry_all(struct pair *pair)
{
	while (
	    carry(pair, &pair->client, &pair->server) + carry(pair, &pair->server, &pair->client) >
	    0)
		;
}

static void
say(struct end *end, uint64_t number)
{
	struct sync_message message = {
	    .kind = SYNC_HEARTBEAT, .heartbeat = {.role = SYNC_ROLE_STANDBY, .lsn = number}};

	assert_true(wire_has_room(end->wire));
	wire_put(end->wire, &message, false);
	wire_push(end->wire);
}

static void
test_messages_go_both_ways(void **state)
{
	(void)state;
	for (size_t cut = 1; cut < 5000; cut = cut * 5 + 2) {
		struct pair pair = pair_of(key);

		pair.cut = cut;
		assert_false(wire_has_room(pair.client.wire));
		carry_all(&pair);
		assert_int_equal(wire_state(pair.client.wire), WIRE_OPEN);
		assert_int_equal(wire_state(pair.server.wire), WIRE_OPEN);
		for (uint64_t i = 1; i <= 20; i++) {
			say(&pair.client, i);
			say(&pair.server, 100 + i);
			carry_all(&pair);
		}
		assert_int_equal(pair.server.got, 20);
		assert_int_equal(pair.server.last, 20);
		assert_int_equal(pair.client.got, 20);
		assert_int_equal(pair.client.last, 120);
		pair_free(&pair);
	}
}

static uint8_t *
noise(size_t length)
{
	uint8_t *bytes = malloc(length);
	uint32_t state = 1;

	assert_non_null(bytes);
	for (size_t i = 0; i < length; i++) {
		state = state * 1664525u + 1013904223u;
		bytes[i] = (uint8_t)(state >> 24);
	}
	return bytes;
}

/* More than either buffer holds, secret and not, while the other side takes little at a time. */
static void
test_much_goes_through_little_room(void **state)
{
	uint8_t *bytes = noise(BATCH_BYTES);
	struct sync_bytes entry = {bytes, BATCH_BYTES};
	struct sync_message batch = {.kind = SYNC_BATCH, .batch = {7, 1, 1, &entry}};
	struct pair pair = pair_of(key);
	unsigned put = 0;

	(void)state;
	carry_all(&pair);
	pair.cut = 4000;
	while (put < 40) {
		for (unsigned i = 0; i < 100 && put < 40; i++) {
			if (!wire_has_room(pair.client.wire))
				break;
			wire_put(pair.client.wire, &batch, put % 3 == 0);
			put++;
			assert_true(i < 8);
		}
		wire_push(pair.client.wire);
		carry(&pair, &pair.client, &pair.server);
	}
	carry_all(&pair);
	assert_int_equal(pair.server.got, 40);
	assert_int_equal(pair.server.bytes, 40 * BATCH_BYTES);
	pair_free(&pair);
	free(bytes);
}

static void
test_another_key(void **state)
{
	struct pair pair = pair_of(other_key);

	(void)state;
	carry_all(&pair);
	assert_int_equal(wire_state(pair.client.wire), WIRE_OVER);
	assert_int_equal(wire_state(pair.server.wire), WIRE_OVER);
	assert_string_equal(wire_text(pair.server.wire), "the other host has another key");
	assert_int_equal(wire_reason(pair.server.wire), SYNC_GOOD);
	pair_free(&pair);
}

/* Wherever a bit is changed, what was said before has come in its order, and nothing after it. */
static void
test_a_flipped_bit_ends_it(void **state)
{
	(void)state;
	for (uint64_t flip = 0; flip < 1200; flip += 7) {
		struct pair pair = pair_of(key);

		pair.flip = flip;
		carry_all(&pair);
		for (uint64_t i = 1; i <= 10; i++) {
			if (wire_has_room(pair.client.wire))
				say(&pair.client, i);
			carry_all(&pair);
		}
		/* A length that was changed is waited for; silence ends that (channel.h). */
		assert_true(wire_state(pair.server.wire) == WIRE_OVER || pair.carried <= flip ||
			    pair.server.got < 10);
		assert_int_equal(pair.server.got, pair.server.last);
		pair_free(&pair);
	}
}

static void
test_what_cannot_be_said_ends_it(void **state)
{
	struct sync_message message = {.kind = SYNC_HEARTBEAT};
	struct pair pair = pair_of(key);

	(void)state;
	carry_all(&pair);
	wire_put(pair.client.wire, &message, false);
	assert_int_equal(wire_state(pair.client.wire), WIRE_OVER);
	assert_int_equal(wire_reason(pair.client.wire), SYNC_BAD_ROLE);
	pair_free(&pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_messages_go_both_ways),
	    cmocka_unit_test(test_much_goes_through_little_room),
	    cmocka_unit_test(test_another_key),
	    cmocka_unit_test(test_a_flipped_bit_ends_it),
	    cmocka_unit_test(test_what_cannot_be_said_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
