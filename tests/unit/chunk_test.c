/* chunk: no chunk in two places, none lost, whoever dies when. */
#include "shm/chunk.h"
#include "shm/process.h"
#include "shm/slot.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define CHUNKS 200u

static const struct shm_plan plan = {.slots = 64, .chunks = CHUNKS, .workers = 4};
static struct shm shm;
static struct chunk_cache cache;

static int
setup(void **state)
{
	(void)state;
	chunk_cache_init(&cache, PROCESS_OWNER(1, 1));
	return shm_create(&shm, &plan);
}

static int
teardown(void **state)
{
	(void)state;
	shm_detach(&shm);
	return 0;
}

static void
test_take_all_and_give_back(void **state)
{
	uint8_t seen[CHUNKS] = {0};

	(void)state;
	for (uint32_t i = 0; i < CHUNKS; i++) {
		uint32_t chunk = chunk_take(&shm, &cache, i % plan.slots);

		assert_true(chunk < CHUNKS);
		assert_int_equal(seen[chunk]++, 0);
		assert_int_equal(shm_chunk_owners(&shm)[chunk], i % plan.slots + 1);
		assert_int_equal(chunk_count_free(&shm), CHUNKS - i - 1);
	}
	assert_int_equal(chunk_take(&shm, &cache, 0), SHM_NO_CHUNK);
	for (uint32_t i = 0; i < CHUNKS; i++)
		chunk_give(&shm, &cache, i, false);
	assert_int_equal(chunk_count_free(&shm), CHUNKS);
	assert_true(cache.count <= CHUNK_CACHE_SIZE);
	/* What the cache gave back is free for others. */
	chunk_cache_init(&cache, PROCESS_OWNER(2, 1));
	for (uint32_t i = 0; i < CHUNKS - CHUNK_CACHE_SIZE; i++)
		assert_int_not_equal(chunk_take(&shm, &cache, 0), SHM_NO_CHUNK);
}

static void
test_last_in_first_out(void **state)
{
	uint32_t a = chunk_take(&shm, &cache, 1), b = chunk_take(&shm, &cache, 2);

	(void)state;
	chunk_give(&shm, &cache, a, false);
	chunk_give(&shm, &cache, b, false);
	assert_int_equal(chunk_take(&shm, &cache, 3), b);
	assert_int_equal(chunk_take(&shm, &cache, 3), a);
}

static void
test_memory_is_used_again(void **state)
{
	uint8_t used[CHUNKS] = {0};
	uint32_t taken[70], different = 0;

	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < 70; i++) {
			taken[i] = chunk_take(&shm, &cache, 0);
			used[taken[i]] = 1;
		}
		for (unsigned i = 0; i < 70; i++)
			chunk_give(&shm, &cache, taken[i], false);
	}
	for (unsigned i = 0; i < CHUNKS; i++)
		different += used[i];
	assert_true(different < 130);
}

static void
test_wipe(void **state)
{
	uint32_t chunk = chunk_take(&shm, &cache, 0);
	uint8_t *bytes = shm_chunk(&shm, chunk);

	(void)state;
	memset(bytes, 's', SHM_CHUNK_SIZE);
	chunk_give(&shm, &cache, chunk, false);
	assert_int_equal(bytes[0], 's');
	assert_int_equal(chunk_take(&shm, &cache, 0), chunk);
	chunk_give(&shm, &cache, chunk, true);
	for (uint32_t i = 0; i < SHM_CHUNK_SIZE; i++)
		assert_int_equal(bytes[i], 0);
}

static void
test_second_give_is_refused(void **state)
{
	uint32_t chunk = chunk_take(&shm, &cache, 0), count;

	(void)state;
	chunk_give(&shm, &cache, chunk, false);
	count = cache.count;
	chunk_give(&shm, &cache, chunk, false);
	chunk_give(&shm, &cache, CHUNKS, false);
	chunk_give(&shm, &cache, SHM_NO_CHUNK, true);
	assert_int_equal(cache.count, count);
}

static void
test_sweep_of_a_dead_worker(void **state)
{
	struct chunk_cache other;
	uint32_t mine = chunk_take(&shm, &cache, 3), theirs;

	(void)state;
	chunk_cache_init(&other, PROCESS_OWNER(1, 2)); /* the same place, started anew */
	theirs = chunk_take(&shm, &other, 4);
	assert_int_equal(chunk_sweep(&shm, cache.owner), cache.count);
	assert_int_equal(chunk_sweep(&shm, cache.owner), 0);
	assert_int_equal(shm_chunk_owners(&shm)[mine], 3 + 1); /* the session's stays */
	assert_int_equal(shm_chunk_owners(&shm)[theirs], 4 + 1);
	assert_int_equal(chunk_sweep(&shm, other.owner), other.count);
}

static void
test_sweep_of_a_slot(void **state)
{
	struct slot_session *session = shm_session(&shm, 7);
	uint32_t lost, foreign;

	(void)state;
	for (unsigned leg = 0; leg < SHM_LEGS; leg++) {
		assert_int_equal(window_append(&session->input[leg], &shm, &cache, 7), 0);
		assert_int_equal(window_append(&session->text[leg], &shm, &cache, 7), 0);
	}
	for (unsigned i = 0; i < SHM_WINDOW_CHUNKS; i++)
		assert_int_equal(window_append(&session->extension, &shm, &cache, 7), 0);
	lost = chunk_take(&shm, &cache, 7); /* taken, and died before it was in the window */
	foreign = chunk_take(&shm, &cache, 8);
	memset(shm_chunk(&shm, lost), 's', SHM_CHUNK_SIZE);
	memset(shm_chunk(&shm, foreign), 's', SHM_CHUNK_SIZE);
	assert_int_equal(chunk_sweep_slot(&shm, 7, session), 1);
	assert_int_equal(shm_chunk(&shm, lost)[SHM_CHUNK_SIZE - 1], 0);
	assert_int_equal(shm_chunk(&shm, foreign)[0], 's');
	assert_int_equal(shm_chunk_owners(&shm)[lost], CHUNK_FREE);
	assert_int_equal(chunk_sweep_slot(&shm, 7, session), 0);
	assert_int_equal(chunk_sweep_slot(&shm, 7, NULL), 4 + SHM_WINDOW_CHUNKS);
	assert_int_equal(shm_chunk_owners(&shm)[foreign], 8 + 1);
}

static void
test_sweep_with_a_damaged_window(void **state)
{
	struct slot_session *session = shm_session(&shm, 7);

	(void)state;
	assert_int_equal(window_append(&session->input[0], &shm, &cache, 7), 0);
	session->input[0].last = UINT32_MAX;
	assert_int_equal(chunk_sweep_slot(&shm, 7, session), 1);
}

/* Takes and gives for ever, as `owner`; each chunk in hand is marked and must stay so. */
static void
churn(uint32_t owner, uint32_t slot, unsigned rounds)
{
	uint32_t held[12];

	chunk_cache_init(&cache, owner);
	for (unsigned round = 0; round < rounds; round++) {
		unsigned count = 1 + round % 12;

		for (unsigned i = 0; i < count; i++) {
			held[i] = chunk_take(&shm, &cache, slot);
			if (held[i] != SHM_NO_CHUNK)
				memcpy(shm_chunk(&shm, held[i]), &owner, sizeof(owner));
		}
		for (unsigned i = 0; i < count; i++) {
			if (held[i] == SHM_NO_CHUNK)
				continue;
			if (memcmp(shm_chunk(&shm, held[i]), &owner, sizeof(owner)) != 0)
				_exit(1);
			chunk_give(&shm, &cache, held[i], false);
		}
	}
	_exit(0);
}

/* A cache keeps its share at most, and next to nothing while chunks are short. */
static void
test_cache_is_bounded(void **state)
{
	const uint32_t share = CHUNKS / (plan.workers * 4 * CHUNK_SHED);
	uint32_t taken[CHUNKS];

	(void)state;
	for (uint32_t i = 0; i < CHUNKS; i++)
		taken[i] = chunk_take(&shm, &cache, 0);
	for (uint32_t i = 0; i < 20; i++)
		chunk_give(&shm, &cache, taken[i], false);
	assert_int_equal(cache.count, 20);
	chunk_cache_bound(&shm, &cache, false);
	assert_int_equal(cache.count, share);
	for (uint32_t i = 20; i < CHUNKS; i++)
		chunk_give(&shm, &cache, taken[i], false);
	assert_true(cache.count <= share);
	assert_int_equal(chunk_count_used(&shm, 0, CHUNKS), 0);
	/* Of so small a pool there is no share; still it can be taken, whole. */
	cache.most = 0;
	for (uint32_t i = 0; i < CHUNKS; i++)
		assert_int_not_equal(taken[i] = chunk_take(&shm, &cache, 0), SHM_NO_CHUNK);
	for (uint32_t i = 0; i < CHUNKS; i++) {
		chunk_give(&shm, &cache, taken[i], false);
		assert_int_equal(cache.count, 0);
	}
	assert_int_equal(chunk_count_free(&shm), CHUNKS);
}

/* What is kept is there for those who may have it; an empty pool is not looked through again. */
static void
test_reserve_and_dry(void **state)
{
	(void)state;
	cache.reserve = 2;
	for (uint32_t i = 0; i < CHUNKS - 2; i++) {
		assert_true(chunk_is_there(&shm, &cache, cache.reserve));
		assert_int_not_equal(chunk_take(&shm, &cache, 0), SHM_NO_CHUNK);
	}
	assert_false(chunk_is_there(&shm, &cache, cache.reserve));
	assert_true(chunk_is_there(&shm, &cache, 0));
	assert_int_not_equal(chunk_take(&shm, &cache, 0), SHM_NO_CHUNK);
	assert_int_not_equal(chunk_take(&shm, &cache, 0), SHM_NO_CHUNK);
	assert_int_equal(chunk_take(&shm, &cache, 0), SHM_NO_CHUNK);
	atomic_store(&shm_chunk_owners(&shm)[3], CHUNK_FREE);
	assert_int_equal(chunk_take(&shm, &cache, 0), SHM_NO_CHUNK);
	chunk_cache_look_again(&cache);
	assert_int_equal(chunk_take(&shm, &cache, 0), 3);
	assert_int_equal(chunk_take(&shm, &cache, 0), SHM_NO_CHUNK);
	chunk_give(&shm, &cache, 5, false);
	assert_int_equal(chunk_take(&shm, &cache, 0), 5);
}

static void
test_level(void **state)
{
	const struct chunk_level fits = {.used = CHUNKS - CHUNKS / CHUNK_SHED, .serial = 7};
	const struct chunk_level below = {.used = CHUNKS - CHUNKS / CHUNK_SHED + 1};
	const struct chunk_level nonsense = {.used = UINT32_MAX};

	(void)state;
	assert_int_equal(chunk_level_read(&shm).serial, 0);
	chunk_level_publish(&shm, fits);
	assert_int_equal(chunk_level_read(&shm).used, fits.used);
	assert_int_equal(chunk_level_read(&shm).serial, 7);
	assert_int_equal(chunk_level_free(&shm, fits), CHUNKS / CHUNK_SHED);
	assert_false(chunk_level_is_below(&shm, fits, CHUNK_SHED));
	assert_true(chunk_level_is_below(&shm, below, CHUNK_SHED));
	assert_false(chunk_level_is_below(&shm, below, CHUNK_REFUSE));
	assert_int_equal(chunk_level_free(&shm, nonsense), 0);
	/* In parts, as a large pool is counted, and beyond its end. */
	chunk_take(&shm, &cache, 1);
	assert_int_equal(chunk_count_used(&shm, 0, CHUNKS), 1);
	assert_int_equal(
	    chunk_count_used(&shm, 0, CHUNKS / 2) + chunk_count_used(&shm, CHUNKS / 2, UINT32_MAX),
	    1);
	assert_int_equal(chunk_count_used(&shm, CHUNKS, 10), 0);
}

static void
test_workers_do_not_share(void **state)
{
	pid_t pid[4];
	int status;

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		pid[i] = fork();
		assert_true(pid[i] >= 0);
		if (pid[i] == 0)
			churn(PROCESS_OWNER(i, 1), i, 20000);
	}
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
		chunk_sweep(&shm, PROCESS_OWNER(i, 1));
	}
	for (uint32_t i = 0; i < CHUNKS; i++)
		assert_int_equal(shm_chunk_owners(&shm)[i], CHUNK_FREE);
}

static void
test_killed_worker_leaves_nothing(void **state)
{
	(void)state;
	for (uint32_t round = 1; round <= 50; round++) {
		uint32_t owner = PROCESS_OWNER(0, round);
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			churn(owner, 5, UINT32_MAX);
		usleep(round * 17 % 900);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		chunk_sweep(&shm, owner);
		chunk_sweep_slot(&shm, 5, shm_session(&shm, 5));
		for (uint32_t i = 0; i < CHUNKS; i++)
			assert_int_equal(shm_chunk_owners(&shm)[i], CHUNK_FREE);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_take_all_and_give_back),
	    TEST(test_last_in_first_out),
	    TEST(test_memory_is_used_again),
	    TEST(test_wipe),
	    TEST(test_second_give_is_refused),
	    TEST(test_sweep_of_a_dead_worker),
	    TEST(test_sweep_of_a_slot),
	    TEST(test_sweep_with_a_damaged_window),
	    TEST(test_cache_is_bounded),
	    TEST(test_reserve_and_dry),
	    TEST(test_level),
	    TEST(test_workers_do_not_share),
	    TEST(test_killed_worker_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
