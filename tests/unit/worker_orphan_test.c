/*
 * The worker program while its supervisor is dead, and when another one comes.
 * Usage: worker_orphan_test PATH-OF-WORKER
 */
#include "shm/chunk.h"
#include "shm/closed.h"
#include "shm/counters.h"
#include "shm/process.h"
#include "tests/unit/worker_harness.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ORPHAN_MS 600000u /* as the worker has it */
#define WAIT_MS	  5000

static const char *program;

static int
setup(void **state)
{
	static struct harness harness;

	harness_open(&harness, program);
	harness_start(&harness, 0);
	*state = &harness;
	return 0;
}

static int
teardown(void **state)
{
	harness_close(*state);
	return 0;
}

static void
pass(struct harness *harness, uint32_t slot, const char *text)
{
	harness_write(harness, slot, SHM_CLIENT, text);
	harness_expect(harness, slot, SHM_SERVER, text);
	harness_write(harness, slot, SHM_SERVER, text);
	harness_expect(harness, slot, SHM_CLIENT, text);
}

static void
both_close(struct harness *harness, uint32_t slot)
{
	for (int leg = 0; leg < SHM_LEGS; leg++)
		shutdown(harness->session[slot].peer[leg], SHUT_WR);
	for (int leg = 0; leg < SHM_LEGS; leg++)
		assert_int_equal(harness_expect_end(harness, slot, leg), 0);
}

static bool
has_ended(pid_t pid)
{
	siginfo_t info = {0};

	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
	return info.si_pid != 0;
}

static unsigned
count_descriptors(pid_t pid)
{
	char path[32];
	unsigned count = 0;
	DIR *directory;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	directory = opendir(path);
	assert_non_null(directory);
	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count;
}

static void
wait_for_descriptors(pid_t pid, unsigned count)
{
	for (int i = 0; i < WAIT_MS / 20 && count_descriptors(pid) != count; i++)
		usleep(20000);
	assert_int_equal(count_descriptors(pid), count);
}

static void
wait_closed(struct harness *harness, uint64_t count)
{
	for (int i = 0; i < WAIT_MS / 20; i++) {
		if (counter_total(&harness->shm, COUNTER_sessions_closed) == count)
			return;
		harness_listen(harness, 20);
	}
	fail_msg("not %llu sessions were closed", (unsigned long long)count);
}

static void
test_sessions_go_on_and_then_it_ends(void **state)
{
	struct harness *harness = *state;
	pid_t pid = harness->worker[0].pid;

	harness_session_open(harness, 0, 3, SLOT_RAW, true);
	pass(harness, 3, "before\n");
	harness_supervisor_dies(harness);
	pass(harness, 3, "after\n");
	/* Time alone does not end it while it has a session. */
	atomic_fetch_add(shm_clock_floor(&harness->shm), 2 * ORPHAN_MS);
	pass(harness, 3, "much later\n");
	both_close(harness, 3);
	wait_closed(harness, 1);
	assert_false(has_ended(pid));
	atomic_fetch_add(shm_clock_floor(&harness->shm), ORPHAN_MS);
	assert_int_equal(harness_kill(harness, 0, 0), 0);
}

/* What the dead supervisor had read and not done is asked for again; till then the sockets stay. */
static void
test_the_next_one_is_told_again(void **state)
{
	struct harness *harness = *state;
	pid_t pid = harness->worker[0].pid;
	unsigned before = count_descriptors(pid);

	harness_session_open(harness, 0, 5, SLOT_RAW, true);
	pass(harness, 5, "x");
	assert_int_equal(count_descriptors(pid), before + 2);
	harness->deaf = true;
	both_close(harness, 5);
	wait_closed(harness, 1);
	harness_listen(harness, 600);
	assert_int_equal(count_descriptors(pid), before + 2);
	harness_supervisor_dies(harness);
	harness->deaf = false;
	harness_supervisor_greets(harness);
	assert_true(harness->session[5].finished);
	wait_for_descriptors(pid, before);
}

/* What waits in the socket when the supervisor dies is not lost, nor is what comes afterwards. */
static void
test_the_stream_goes_on(void **state)
{
	struct harness *harness = *state;

	kill(harness->worker[0].pid, SIGSTOP);
	harness_session_open(harness, 0, 7, SLOT_RAW, true);
	harness_supervisor_dies(harness);
	kill(harness->worker[0].pid, SIGCONT);
	pass(harness, 7, "handed over by a dead one\n");
	harness_supervisor_greets(harness);
	harness_session_open(harness, 0, 8, SLOT_RAW, true);
	pass(harness, 8, "by the next one\n");
	pass(harness, 7, "still\n");
	/* It waits for the new one's end, not for the old one's. */
	atomic_fetch_add(shm_clock_floor(&harness->shm), 2 * ORPHAN_MS);
	pass(harness, 8, "later\n");
	assert_false(has_ended(harness->worker[0].pid));
}

/* A stop that the dead one had begun does not end the sessions of the next one. */
static void
test_a_stop_dies_with_who_wanted_it(void **state)
{
	struct harness *harness = *state;

	harness_session_open(harness, 0, 9, SLOT_RAW, true);
	pass(harness, 9, "x");
	harness_say(harness, 0, HANDOVER_DRAIN, 9);
	harness_wait_finished(harness, 9);
	harness_supervisor_dies(harness);
	harness_supervisor_greets(harness);
	harness_session_open(harness, 0, 10, SLOT_RAW, true);
	pass(harness, 10, "y");
}

/* Supervisor and worker dead: what they had is closed and given back by another worker. */
static void
test_lost_sessions_leave_nothing(void **state)
{
	struct harness *harness = *state;
	struct closed_entry entry;

	harness_session_open(harness, 0, 11, SLOT_RAW, true);
	harness_write(harness, 11, SHM_CLIENT, "gone");
	harness_expect(harness, 11, SHM_SERVER, "gone");
	harness_fill(harness, 11, SHM_SERVER);
	harness_kill(harness, 0, SIGKILL);
	assert_true(chunk_count_free(&harness->shm) < HARNESS_CHUNKS);
	harness_start(harness, 1);
	harness_lose(harness, 1, 11);
	harness_wait_finished(harness, 11);
	chunk_sweep(&harness->shm, harness->worker[0].owner);
	assert_int_equal(chunk_count_free(&harness->shm), HARNESS_CHUNKS);
	assert_int_equal(counter_total(&harness->shm, COUNTER_sessions_lost), 1);
	assert_int_equal(counter_total(&harness->shm, COUNTER_sessions_adopted), 0);
	assert_true(closed_read(shm_closed(&harness->shm), 0, &entry));
	assert_int_equal(entry.reason, CLOSE_LOST);
	assert_int_equal(entry.bytes[SHM_CLIENT], 4);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_sessions_go_on_and_then_it_ends, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_the_next_one_is_told_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_the_stream_goes_on, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_stop_dies_with_who_wanted_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_lost_sessions_leave_nothing, setup, teardown),
	};

	if (argc < 2) {
		fputs("usage: worker_orphan_test WORKER\n", stderr);
		return 64;
	}
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
