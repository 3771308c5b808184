/* daemon/sync/texts on the standby: what has come is laid out for the manager, in the time of this host. */
#include "daemon/sync/texts.h"

#include "daemon/pair_file.h"
#include "tests/unit/folder_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WORDS	   "hostname one\n"
#define THEIR_MS   1000000u
#define LEFT_MS	   60000u
#define EXPIRES_MS (THEIR_MS + LEFT_MS)

static struct shm shm;
static struct texts texts;
static const uint8_t generation[SYNC_GENERATION_SIZE] = {7};

static int
setup(void **state)
{
	const struct shm_plan plan = {.slots = 1, .chunks = 1, .workers = 1};

	if (shm_create(&shm, &plan) != 0 || folder_fixture_make(state) != 0)
		return -1;
	texts_open(&texts, &shm, NULL, ((struct fixture *)*state)->directory);
	return 0;
}

static int
teardown(void **state)
{
	static const char *const names[] = {"pair-in-confirm", "pair-in-running", "pair-in-startup",
	    "pair-in-candidate", "pair-in-policies"};
	const struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlinkat(fixture->directory, names[i], 0);
	shm_detach(&shm);
	return folder_fixture_remove(state);
}

static struct sync_text
text_of(enum sync_text_kind kind)
{
	return (struct sync_text){
	    .kind = kind,
	    .generation = {generation, sizeof(generation)},
	    .saved = "then",
	    .by = "eve",
	    .total = sizeof(WORDS) - 1,
	    .part = {(const uint8_t *)WORDS, sizeof(WORDS) - 1},
	};
}

/* What lies there of that kind now, and that it is said so. */
static struct pair_file
came(const struct fixture *fixture, const struct sync_text *text, enum pair_text_kind kind)
{
	struct pair_texts before, after;
	struct pair_file file;
	uint8_t *bytes;

	pair_texts_read(shm_texts_peer(&shm), &before);
	texts_came(&texts, text);
	pair_texts_read(shm_texts_peer(&shm), &after);
	for (unsigned i = 0; i < PAIR_TEXT_KINDS; i++)
		assert_int_equal(after.laid[i], before.laid[i] + (i == kind));
	assert_int_equal(pair_file_read(fixture->directory, PAIR_FILE_IN, kind, &file, &bytes), 0);
	assert_int_equal(file.length, text->part.length);
	assert_memory_equal(bytes, text->part.data, file.length);
	assert_string_equal(file.by, "eve");
	free(bytes);
	return file;
}

static void
test_each_kind_has_its_place(void **state)
{
	const struct fixture *fixture = *state;
	struct sync_text text = text_of(SYNC_TEXT_RUNNING);

	assert_int_equal(came(fixture, &text, PAIR_TEXT_RUNNING).is_erased, 0);
	text = text_of(SYNC_TEXT_POLICIES);
	came(fixture, &text, PAIR_TEXT_POLICIES);
	text = text_of(SYNC_TEXT_STARTUP);
	came(fixture, &text, PAIR_TEXT_STARTUP);
	text = text_of(SYNC_TEXT_CANDIDATE);
	text.base = text.generation;
	assert_memory_equal(
	    came(fixture, &text, PAIR_TEXT_CANDIDATE).base, generation, sizeof(generation));
	text.is_erased = true;
	assert_int_equal(came(fixture, &text, PAIR_TEXT_CANDIDATE).is_erased, 1);
	text = text_of(SYNC_TEXT_CONFIRM);
	text.is_erased = true;
	assert_int_equal(came(fixture, &text, PAIR_TEXT_CONFIRM).expires_ms, 0);
}

/* Neither a clock that is ahead of the other host's, nor one that is behind and will be raised, makes the
 * time shorter. */
static void
test_the_time_is_this_hosts(void **state)
{
	static const struct {
		uint64_t own_ms, expires_ms;
	} clocks[] = {
	    {0, EXPIRES_MS},
	    {THEIR_MS, EXPIRES_MS},
	    {THEIR_MS + 1, EXPIRES_MS + 1},
	    {100 * THEIR_MS, 100 * THEIR_MS + LEFT_MS},
	};
	const struct fixture *fixture = *state;
	struct sync_text text = text_of(SYNC_TEXT_CONFIRM);

	text.expires_ms = EXPIRES_MS;
	text.left_ms = LEFT_MS;
	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		atomic_store(shm_clock_floor(&shm), clocks[i].own_ms);
		assert_int_equal(
		    came(fixture, &text, PAIR_TEXT_CONFIRM).expires_ms, clocks[i].expires_ms);
	}
}

static void
test_the_standby_has_looked_at_what_was_told(void **state)
{
	static const uint8_t other[SYNC_GENERATION_SIZE] = {8};
	const struct sync_bytes right = {generation, sizeof(generation)};
	const struct sync_bytes wrong = {other, sizeof(other)};

	(void)state;
	assert_true(texts_are_decided(&texts));
	texts.own.laid[PAIR_TEXT_RUNNING] = 3;
	assert_false(texts_are_decided(&texts));
	texts.told[PAIR_TEXT_RUNNING] = 3;
	memcpy(texts.running, generation, sizeof(texts.running));
	texts_decided(&texts, &wrong, NULL);
	assert_false(texts_are_decided(&texts));
	/* The answer is lost: all of it is told again. */
	texts_agreed(&texts);
	assert_int_equal(texts.told[PAIR_TEXT_RUNNING], 0);
	texts.told[PAIR_TEXT_RUNNING] = 3;
	texts_decided(&texts, &right, "it cannot");
	assert_true(texts_are_decided(&texts));
	texts_agreed(&texts);
	assert_true(texts_are_decided(&texts));
	texts.own.laid[PAIR_TEXT_RUNNING] = 4;
	assert_false(texts_are_decided(&texts));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
	    TEST(test_each_kind_has_its_place),
	    TEST(test_the_time_is_this_hosts),
	    TEST(test_the_standby_has_looked_at_what_was_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
