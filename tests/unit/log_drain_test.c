/* log_drain: what could not be logged is counted and told, and a full disk is not for ever. */
#include "daemon/manager/log_drain.h"

#include "shm/counters.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define TAG 7u

struct scene {
	struct shm shm;
	struct log_target target;
	struct event_log log;
	struct log_drain drain;
	char path[64];
	int directory;
	int saved; /* standard error */
	int reader;
	char said[1u << 20];
	size_t length;
};

static void
open_drain(struct scene *scene)
{
	log_target_open(&scene->target, "stderr");
	assert_int_equal(log_drain_open(&scene->drain, &scene->shm, &scene->target, &scene->log,
			     scene->directory, TAG),
	    0);
}

static int
set_up(void **state)
{
	const struct shm_plan plan = {.slots = 1, .chunks = 1, .workers = 1};
	struct scene *scene = calloc(1, sizeof(*scene));
	int ends[2];

	assert_non_null(scene);
	*state = scene;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(shm_create(&scene->shm, &plan), 0);
	snprintf(scene->path, sizeof(scene->path), "/tmp/log-drain-test-XXXXXX");
	assert_non_null(mkdtemp(scene->path));
	scene->directory = open(scene->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	scene->saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	close(ends[1]);
	scene->reader = ends[0];
	open_drain(scene);
	return 0;
}

static int
tear_down(void **state)
{
	struct scene *scene = *state;

	log_drain_close(&scene->drain);
	log_target_close(&scene->target);
	dup2(scene->saved, STDERR_FILENO);
	close(scene->saved);
	close(scene->reader);
	unlinkat(scene->directory, LOG_DRAIN_CURSOR, 0);
	close(scene->directory);
	rmdir(scene->path);
	shm_detach(&scene->shm);
	free(scene);
	return 0;
}

static void
write_events(struct scene *scene, unsigned count)
{
	struct event event;

	for (unsigned i = 0; i < count; i++) {
		event_init(&event, 109031, 0);
		event_add_text(&event, "test", 4);
		event.number[0] = i;
		event_ring_write(shm_events(&scene->shm, 0), &event);
	}
}

static void
drain_all(struct scene *scene)
{
	while (log_drain_pass(&scene->drain, NULL, NULL) > 0)
		continue;
}

/* What has been said since the last time, as one text. */
static const char *
read_said(struct scene *scene)
{
	ssize_t got;

	scene->length = 0;
	while ((got = read(scene->reader, scene->said + scene->length,
		    sizeof(scene->said) - 1 - scene->length)) > 0)
		scene->length += (size_t)got;
	scene->said[scene->length] = '\0';
	return scene->said;
}

static unsigned
count_lines(const char *text)
{
	unsigned count = 0;

	for (; *text != '\0'; text++)
		count += *text == '\n';
	return count;
}

static uint64_t
lost(const struct scene *scene)
{
	return counter_total(&scene->shm, COUNTER_events_lost);
}

static void
fill_pipe(void)
{
	char line[4096];

	memset(line, '.', sizeof(line));
	while (write(STDERR_FILENO, line, sizeof(line)) > 0)
		continue;
}

/* Until the drain may tell of it again. */
static void
let_it_tell(struct scene *scene)
{
	scene->drain.told_ms -= LOG_DRAIN_TELL_MS;
	log_drain_pass(&scene->drain, NULL, NULL);
}

/* The ring goes round: the oldest are gone, and that is the next thing said. */
static void
test_overwritten_events_are_told(void **state)
{
	struct scene *scene = *state;

	write_events(scene, EVENT_RING_ENTRIES + 10);
	assert_int_equal(log_drain_pass(&scene->drain, NULL, NULL), LOG_DRAIN_BATCH);
	assert_int_equal(lost(scene), 10);
	assert_non_null(strstr(read_said(scene), "109035: 10 events were lost"));
	assert_int_equal(count_lines(scene->said), LOG_DRAIN_BATCH + 1);
	assert_int_equal(event_log_get(&scene->log, LOG_DRAIN_BATCH)->id, 109035);
	while (log_drain_pass(&scene->drain, NULL, NULL) > 0)
		assert_null(strstr(read_said(scene), "109035"));
	let_it_tell(scene);
	assert_int_equal(count_lines(read_said(scene)), 0);
	assert_int_equal(lost(scene), 10);
}

/* Nobody reads: nothing waits, it is counted, and told once somebody reads again. */
static void
test_blocked_target(void **state)
{
	struct scene *scene = *state;

	fill_pipe();
	write_events(scene, 100);
	drain_all(scene);
	assert_int_equal(lost(scene), 100);
	let_it_tell(scene);
	let_it_tell(scene);
	assert_int_equal(lost(scene), 100);
	assert_null(strstr(read_said(scene), "109035"));
	let_it_tell(scene);
	assert_non_null(strstr(read_said(scene), "109035: 100 events were lost"));
	assert_int_equal(count_lines(scene->said), 1);
	let_it_tell(scene);
	assert_int_equal(count_lines(read_said(scene)), 0);
	write_events(scene, 3);
	drain_all(scene);
	assert_int_equal(count_lines(read_said(scene)), 3);
}

static void
limit_files(rlim_t most)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = most;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The positions cannot be noted: said once; later they are, and the next manager goes on there. */
static void
test_full_disk_ends(void **state)
{
	struct scene *scene = *state;

	limit_files(0);
	for (int i = 0; i < 3; i++) {
		write_events(scene, 1);
		drain_all(scene);
	}
	limit_files(RLIM_INFINITY);
	assert_int_equal(count_lines(read_said(scene)), 4);
	assert_non_null(strstr(scene->said, LOG_DRAIN_CURSOR ": "));
	write_events(scene, 1);
	drain_all(scene);
	assert_int_equal(count_lines(read_said(scene)), 1);
	log_drain_close(&scene->drain);
	open_drain(scene);
	write_events(scene, 2);
	drain_all(scene);
	assert_int_equal(count_lines(read_said(scene)), 2);
}

/* The file cannot even be made. */
static void
test_missing_file_is_made_later(void **state)
{
	struct scene *scene = *state;

	log_drain_close(&scene->drain);
	unlinkat(scene->directory, LOG_DRAIN_CURSOR, 0);
	assert_int_equal(mkdirat(scene->directory, LOG_DRAIN_CURSOR, 0700), 0);
	open_drain(scene);
	write_events(scene, 2);
	drain_all(scene);
	assert_int_equal(count_lines(read_said(scene)), 3);
	assert_int_equal(unlinkat(scene->directory, LOG_DRAIN_CURSOR, AT_REMOVEDIR), 0);
	write_events(scene, 1);
	drain_all(scene);
	assert_int_equal(faccessat(scene->directory, LOG_DRAIN_CURSOR, F_OK, 0), 0);
	assert_int_equal(count_lines(read_said(scene)), 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
	    TEST(test_overwritten_events_are_told),
	    TEST(test_blocked_target),
	    TEST(test_full_disk_ends),
	    TEST(test_missing_file_is_made_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
