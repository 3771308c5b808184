/* pair, door_view: what one process writes the other reads whole, and a request is taken once and in time. */
#include "shm/door_view.h"
#include "shm/pair.h"
#include "shm/whole.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS 20000u
#define WORDS  2048u

static void
test_view_is_read_as_published(void **state)
{
	static struct pair_view view;
	struct pair_status put = {.state = 7, .epoch = 12, .newest_lsn = 99, .peer = "mx2"};
	struct pair_status got = {0};

	(void)state;
	assert_false(pair_view_read(&view, &got));
	pair_view_publish(&view, &put);
	assert_true(pair_view_read(&view, &got));
	assert_memory_equal(&got, &put, sizeof(got));
	put.epoch = 14;
	pair_view_publish(&view, &put);
	assert_true(pair_view_read(&view, &got));
	assert_int_equal(got.epoch, 14);
}

static void
test_texts_end(void **state)
{
	static struct pair_view view;
	static struct door_view door;
	struct pair_status got;
	struct door_status seen;

	(void)state;
	memset(&view.status, 'x', sizeof(view.status));
	memset(&door.status, 'x', sizeof(door.status));
	view.sequence = door.sequence = 2;
	assert_true(pair_view_read(&view, &got));
	assert_int_equal(strlen(got.node), PAIR_NAME_MAX - 1);
	assert_int_equal(strlen(got.peer), PAIR_NAME_MAX - 1);
	assert_int_equal(strlen(got.refusal), PAIR_TEXT_MAX - 1);
	assert_true(door_view_read(&door, &seen));
	assert_int_equal(strlen(seen.fault), DOOR_FAULT_MAX - 1);
}

static void
test_writer_that_died_within(void **state)
{
	static struct pair_view view;
	struct pair_status put = {.epoch = 3}, got;

	(void)state;
	pair_view_publish(&view, &put);
	view.sequence++;
	assert_false(pair_view_read(&view, &got));
	pair_view_publish(&view, &put);
	assert_true(pair_view_read(&view, &got));
	assert_int_equal(view.sequence % 2, 0);
}

struct shared {
	_Atomic uint64_t sequence;
	uint64_t word[WORDS];
	_Atomic bool over;
};

static void *
write_on(void *context)
{
	struct shared *shared = context;
	uint64_t word[WORDS];

	for (uint64_t round = 1; round <= ROUNDS; round++) {
		for (unsigned i = 0; i < WORDS; i++)
			word[i] = round;
		whole_write(&shared->sequence, shared->word, word, sizeof(word));
	}
	atomic_store(&shared->over, true);
	return NULL;
}

static void
test_never_of_two_moments(void **state)
{
	static struct shared shared;
	uint64_t word[WORDS], last = 0;
	pthread_t writer;

	(void)state;
	assert_int_equal(pthread_create(&writer, NULL, write_on, &shared), 0);
	while (!atomic_load(&shared.over)) {
		if (!whole_read(&shared.sequence, shared.word, word, sizeof(word)))
			continue;
		assert_true(word[0] >= last);
		last = word[0];
		for (unsigned i = 1; i < WORDS; i++)
			assert_int_equal(word[i], word[0]);
	}
	pthread_join(writer, NULL);
	assert_true(whole_read(&shared.sequence, shared.word, word, sizeof(word)));
	assert_int_equal(word[WORDS - 1], ROUNDS);
}

static void
test_alive(void **state)
{
	static struct pair_view view;

	(void)state;
	assert_false(pair_view_is_alive(&view, 5));
	pair_view_alive(&view, 321, 10000);
	assert_int_equal(view.pid, 321);
	assert_true(pair_view_is_alive(&view, 10000));
	assert_true(pair_view_is_alive(&view, 9999)); /* looked at the clock a moment earlier */
	assert_true(pair_view_is_alive(&view, 10000 + PAIR_ALIVE_MS - 1));
	assert_false(pair_view_is_alive(&view, 10000 + PAIR_ALIVE_MS));
}

static void
test_request_is_taken_once(void **state)
{
	static struct pair_request request;
	static struct pair_answer answer;
	enum pair_command command = 0;
	uint32_t number, taken = 0, refusal = 0;

	(void)state;
	assert_false(pair_take_request(&request, &answer, 1000, &taken, &command));
	number = pair_ask(&request, PAIR_FORCE, 1000);
	assert_int_not_equal(number, 0);
	assert_false(pair_answered(&answer, number, &refusal));
	assert_true(pair_take_request(&request, &answer, 1000, &taken, &command));
	assert_int_equal(taken, number);
	assert_int_equal(command, PAIR_FORCE);
	pair_give_answer(&answer, taken, 9);
	assert_false(pair_take_request(&request, &answer, 1001, &taken, &command));
	assert_true(pair_answered(&answer, number, &refusal));
	assert_int_equal(refusal, 9);

	number = pair_ask(&request, PAIR_ACTIVE, 1100);
	assert_false(pair_answered(&answer, number, &refusal));
	assert_true(pair_take_request(&request, &answer, 1100, &taken, &command));
	assert_int_equal(command, PAIR_ACTIVE);
}

/* Whoever asked has gone: a sync process that starts later must not carry it out. */
static void
test_request_ends(void **state)
{
	static struct pair_request request;
	static const struct pair_answer answer;
	enum pair_command command;
	uint32_t number;

	(void)state;
	pair_ask(&request, PAIR_STANDBY, 5000);
	assert_true(
	    pair_take_request(&request, &answer, 5000 + PAIR_REQUEST_MS - 1, &number, &command));
	assert_false(
	    pair_take_request(&request, &answer, 5000 + PAIR_REQUEST_MS, &number, &command));
}

static void
test_request_that_cannot_be(void **state)
{
	static struct pair_request request;
	static const struct pair_answer answer;
	enum pair_command command;
	uint32_t number;

	(void)state;
	pair_ask(&request, PAIR_STANDBY, 5000);
	request.command = PAIR_COMMAND_END;
	assert_false(pair_take_request(&request, &answer, 5000, &number, &command));
	request.command = 0;
	assert_false(pair_take_request(&request, &answer, 5000, &number, &command));
	request.command = PAIR_STANDBY;
	request.end_ms = UINT64_MAX;
	assert_false(pair_take_request(&request, &answer, 5000, &number, &command));
}

static void
test_numbers_go_round(void **state)
{
	static struct pair_request request;

	(void)state;
	request.number = UINT32_MAX; /* 0 is no request */
	assert_int_equal(pair_ask(&request, PAIR_ACTIVE, 1), 1);
}

static void
test_words(void **state)
{
	(void)state;
	assert_string_equal(pair_channel_word(PAIR_CHANNEL_SNAPSHOT), "snapshot");
	assert_string_equal(pair_channel_word(PAIR_CHANNEL_COUNT), "");
	assert_string_equal(door_state_word(DOOR_OPEN), "open");
	assert_string_equal(door_state_word(UINT32_MAX), "");
	assert_string_equal(door_family_word(DOOR_IPV6), "IPv6");
	assert_string_equal(door_family_word(DOOR_FAMILIES), "");
}

static void
test_door(void **state)
{
	static struct door_view view;
	struct door_status put = {.wanted = DOOR_OPEN,
	    .state = {DOOR_OPEN, DOOR_FAULT},
	    .fault = "set floating6 is not there"};
	struct door_status got;

	(void)state;
	assert_false(door_view_read(&view, &got));
	door_view_publish(&view, &put);
	assert_true(door_view_read(&view, &got));
	assert_memory_equal(&got, &put, sizeof(got));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_view_is_read_as_published),
	    cmocka_unit_test(test_texts_end),
	    cmocka_unit_test(test_writer_that_died_within),
	    cmocka_unit_test(test_never_of_two_moments),
	    cmocka_unit_test(test_alive),
	    cmocka_unit_test(test_request_is_taken_once),
	    cmocka_unit_test(test_request_ends),
	    cmocka_unit_test(test_request_that_cannot_be),
	    cmocka_unit_test(test_numbers_go_round),
	    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_door),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
