#include "daemon/sync/sync.h"

#include "daemon/sync/standing.h"
#include "daemon/sync/status.h"
#include "daemon/sync/talk.h"
#include "shm/release.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define HOLD_BYTES   (64u << 20)
#define HOLD_ENTRIES 262144u

static int
complain(const char *what, const char *why, int status)
{
	fprintf(stderr, "smtpguard-sync: %s: %s\n", what, why);
	return status;
}

static void
look_at_clock(struct sync *sync)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	sync->now_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* ---- what the loop tells ---- */

static void
signals_ready(struct loop_source *source, uint32_t events)
{
	struct sync *sync = (struct sync *)((char *)source - offsetof(struct sync, signals));
	struct signalfd_siginfo info;

	(void)events;
	if (read(source->fd, &info, sizeof(info)) == sizeof(info))
		sync->stopping = true;
}

static void
saved_ready(struct loop_source *source, uint32_t events)
{
	struct sync *sync = (struct sync *)((char *)source - offsetof(struct sync, saved));
	struct epoch_saved saved;

	(void)events;
	if (epoch_saver_take(sync->saver, &saved))
		standing_saved(sync, &saved);
}

/* That there is something is said; what, the turn finds.  Nobody reads the count: each word is an edge. */
static void
count_ready(struct loop_source *source, uint32_t events)
{
	(void)source;
	(void)events;
}

static void
answered(struct requests *requests, const struct supervisor_request *request, int error)
{
	struct sync *sync = (struct sync *)((char *)requests - offsetof(struct sync, requests));

	standing_answered(sync, request, error);
}

static void
word_came(struct notify_fifo *fifo, const struct notify_line *line)
{
	struct sync *sync = (struct sync *)((char *)fifo - offsetof(struct sync, fifo));

	standing_word(sync, line);
}

static void
bad_line(struct notify_fifo *fifo, const char *why)
{
	struct sync *sync = (struct sync *)((char *)fifo - offsetof(struct sync, fifo));

	report_tell(shm_events(&sync->shm, SHM_WRITER_SYNC), 109085, why, NULL, 0);
}

static void
witness_answers(struct witness *witness, bool answers)
{
	struct sync *sync = (struct sync *)((char *)witness - offsetof(struct sync, witness));

	if (answers == sync->role.witness)
		return;
	report_tell(shm_events(&sync->shm, SHM_WRITER_SYNC), 105009, "witness",
	    answers ? "Passed" : "Failed", 0);
	standing_simple(sync, answers ? ROLE_IN_WITNESS_UP : ROLE_IN_WITNESS_DOWN, 0);
}

static const struct notify_fifo_calls fifo_calls = {word_came, bad_line};

/* ---- the start ---- */

static int
read_settings(struct settings *settings)
{
	ssize_t length = pread(SYNC_FD_SETTINGS, settings, sizeof(*settings), 0);

	if (length < 0)
		return -errno;
	if (length != sizeof(*settings) || settings->magic != SETTINGS_MAGIC ||
	    settings->version != SETTINGS_VERSION || settings->failover.line == 0)
		return -EPROTO;
	return 0;
}

static int
gate_fd(const struct sync *sync, enum sync_gate number)
{
	return SYNC_FD_RELEASE + (int)sync->shm.workers + (int)number;
}

static int
open_loop(struct sync *sync)
{
	int result = loop_open(&sync->loop);

	sync->signals.ready = signals_ready;
	if (result == 0)
		result = loop_add_signals(&sync->loop, &sync->signals);
	if (result == 0)
		result = requests_open(&sync->requests, &sync->loop, SYNC_FD_REQUESTS, answered);
	sync->journal = (struct loop_source){SYNC_FD_JOURNAL, count_ready};
	if (result == 0)
		result = loop_add(&sync->loop, &sync->journal, EPOLLIN | EPOLLET);
	if (result == 0 && sync->positions != NULL) {
		sync->embryos = (struct loop_source){gate_fd(sync, SYNC_GATE_EMBRYOS), count_ready};
		result = loop_add(&sync->loop, &sync->embryos, EPOLLIN | EPOLLET);
	}
	if (result == 0 && sync->settings.failover.fifo[0] != '\0')
		result = notify_fifo_open(&sync->fifo, &sync->loop, SYNC_FD_FIFO, &fifo_calls);
	return result;
}

static int
open_saver(struct sync *sync)
{
	sync->saver = epoch_saver_create(SYNC_FD_STATE);
	if (sync->saver == NULL)
		return -ENOMEM;
	sync->saved = (struct loop_source){epoch_saver_fd(sync->saver), saved_ready};
	return loop_add(&sync->loop, &sync->saved, EPOLLIN);
}

/* The supervisor has looked at it when it started; since then it may have become another. */
static int
take_key(struct sync *sync)
{
	char why[KEY_WHY_MAX] = "";
	int result = key_read(SYNC_FD_KEY, sync->key, why);

	close(SYNC_FD_KEY);
	if (result == 0)
		return EX_OK;
	report_tell(
	    shm_events(&sync->shm, SHM_WRITER_SYNC), 109084, "reading the key file", why, 0);
	return complain(sync->settings.failover.key_file, why, EX_CONFIG);
}

static int
open_gate(struct sync *sync)
{
	int result = gate_positions_map(
	    &sync->places, gate_fd(sync, SYNC_GATE_POSITIONS), sync->shm.slots, true);

	if (result == 0)
		result = gate_board_map(&sync->board, gate_fd(sync, SYNC_GATE_BOARD), false);
	if (result == 0)
		sync->positions = &sync->places;
	return result;
}

/* Everything, in the order in which each part needs the ones before. EX_OK or a complaint. */
static int
open_parts(struct sync *sync, bool has_gate)
{
	static const int regions[SHM_REGIONS] = {3, 4, 5, 6, 7};
	int result = read_settings(&sync->settings);

	if (result < 0)
		return complain("settings", strerror(-result), EX_OSERR);
	result = shm_attach(&sync->shm, regions, SHM_ROLE_SYNC);
	if (result < 0)
		return complain("shared memory", strerror(-result), EX_OSERR);
	int status = take_key(sync);
	if (status != EX_OK)
		return status;
	result = has_gate ? open_gate(sync) : 0;
	if (result < 0)
		return complain("gate", strerror(-result), EX_OSERR);
	standing_look_back(sync);
	result = open_loop(sync);
	if (result == 0)
		result = open_saver(sync);
	if (result == 0)
		result = talk_open(sync);
	return result < 0 ? complain("start", strerror(-result), EX_OSERR) : EX_OK;
}

static void
close_parts(struct sync *sync)
{
	talk_close(sync);
	witness_close(&sync->witness);
	epoch_saver_destroy(sync->saver);
	loop_close(&sync->loop);
	if (sync->board != NULL)
		gate_board_unmap(sync->board);
	gate_positions_unmap(&sync->places);
	shm_detach(&sync->shm);
}

/* ---- the loop ---- */

static int64_t
pause_until(const struct sync *sync, uint64_t deadline)
{
	uint64_t standing = standing_deadline(sync), talk = talk_deadline(sync);

	if (standing < deadline)
		deadline = standing;
	if (talk < deadline)
		deadline = talk;
	return deadline <= sync->now_us ? 0 : (int64_t)(deadline - sync->now_us);
}

/* Until something happens, a worker's commit among it while that would be told at once. */
static int
wait(struct sync *sync)
{
	uint64_t gathers = talk_gathers_until(sync);
	int result;

	if (gathers > sync->now_us)
		return loop_turn(&sync->loop, pause_until(sync, gathers));
	/* A worker that commits from here on sees that it has to wake this process. */
	release_sleep(shm_release(&sync->shm));
	result =
	    loop_turn(&sync->loop, feed_has_news(&sync->feed) ? 0 : pause_until(sync, UINT64_MAX));
	release_wake(shm_release(&sync->shm));
	return result;
}

static int
serve(struct sync *sync)
{
	while (!sync->stopping) {
		int result = wait(sync);

		if (result < 0)
			return complain("event loop", strerror(-result), EX_OSERR);
		if (sync->requests.lost)
			return EX_OK; /* its supervisor has ended */
		look_at_clock(sync);
		standing_tick(sync);
		witness_tick(&sync->witness, sync->now_us);
		talk_tick(sync);
		if (sync->board != NULL && gate_positions_take_moved(&sync->places))
			gate_wake(sync->board, gate_fd(sync, SYNC_GATE_WAKE));
		status_publish(sync);
	}
	return EX_OK;
}

/* Nothing here is for a child's eyes, and nothing here starts one. */
static void
close_on_exec(void)
{
	for (int fd = SYNC_FD_REGIONS; fd < SYNC_FD_RELEASE + (int)SHM_WORKERS_MAX + SYNC_GATE_END;
	     fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int
sync_run(bool has_gate)
{
	struct sync *sync;

	close_on_exec();
	/* It holds the key and sees the mail of all sessions. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return complain("PR_SET_DUMPABLE", strerror(errno), EX_OSERR);
	sync = calloc(1, sizeof(*sync));
	if (sync == NULL)
		return complain("memory", strerror(ENOMEM), EX_OSERR);
	sync->pid = (int32_t)getpid();
	sync->hold_bytes = HOLD_BYTES;
	sync->hold_entries = HOLD_ENTRIES;
	look_at_clock(sync);
	int status = open_parts(sync, has_gate);
	if (status == EX_OK) {
		witness_init(&sync->witness, &sync->loop, &sync->settings.failover.listen,
		    &sync->settings.failover.witness, witness_answers);
		standing_start(sync);
		report_tell(shm_events(&sync->shm, SHM_WRITER_SYNC), 105003, REPORT_LINK, NULL, 0);
		status = serve(sync);
		close_parts(sync);
	}
	explicit_bzero(sync, sizeof(*sync));
	free(sync);
	return status;
}
