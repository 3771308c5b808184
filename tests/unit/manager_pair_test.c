/* The manager of a host that is one of a pair; sync, and the other host behind it, are played by the test. */
#include "daemon/pair_file.h"
#include "daemon/sync/role.h"
#include "shm/gateway_clock.h"
#include "shm/pair.h"
#include "tests/unit/manager_harness.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#define LOOK_US 5000
#define LOOKS	4000u
#define STATIC	"static (inside,outside) tcp 127.0.0.1 %u 127.0.0.1 2526\n"

struct scene {
	struct gateway *gateway;
	struct person person;
	pthread_t sync;
	atomic_bool stop;
	atomic_int state;  /* enum role_state */
	atomic_int answer; /* enum pair_verdict; NONE: it does not */
	atomic_uint asked;
	atomic_uint told;	/* what holds */
	atomic_bool armed;	/* there was a confirm timer when it was asked or told last */
	struct pair_texts peer; /* the thread's, while it runs */
	uint64_t answered;
};

static bool
has_timer(const struct scene *scene)
{
	struct pair_file file;
	uint8_t *text;

	if (pair_file_read(
		scene->gateway->directory, PAIR_FILE_OUT, PAIR_TEXT_CONFIRM, &file, &text) < 0)
		return false;
	free(text);
	return !file.is_erased;
}

static void
answer_question(struct scene *scene)
{
	struct pair_texts own;
	struct pair_file file;
	uint8_t *text;
	int verdict = atomic_load(&scene->answer);

	pair_texts_read(shm_texts_own(&scene->gateway->shm), &own);
	if (own.laid[PAIR_TEXT_RUNNING] == scene->answered ||
	    pair_file_read(
		scene->gateway->directory, PAIR_FILE_OUT, PAIR_TEXT_RUNNING, &file, &text) < 0)
		return;
	free(text);
	scene->answered = own.laid[PAIR_TEXT_RUNNING];
	atomic_fetch_add(&scene->asked, !file.is_live);
	atomic_fetch_add(&scene->told, file.is_live);
	/* The question is what matters: a refused one is taken back at once. */
	if (!file.is_live || verdict == PAIR_VERDICT_TAKEN)
		atomic_store(&scene->armed, has_timer(scene));
	/* What holds is never refused here. */
	if (verdict == PAIR_VERDICT_NONE)
		return;
	pair_texts_decide(&scene->peer, file.digest,
	    file.is_live ? PAIR_VERDICT_TAKEN : (enum pair_verdict)verdict, "for a reason");
	pair_texts_publish(shm_texts_peer(&scene->gateway->shm), &scene->peer);
}

static void *
play_sync(void *context)
{
	struct scene *scene = context;
	struct pair_view *view = shm_pair_view(&scene->gateway->shm);

	while (!atomic_load(&scene->stop)) {
		struct pair_status status = {.state = (uint32_t)atomic_load(&scene->state),
		    .channel = PAIR_CHANNEL_UP,
		    .epoch = 5,
		    .node = "mx1",
		    .peer = "mx2"};

		pair_view_publish(view, &status);
		pair_view_alive(view, 1, monotonic_now_ms());
		answer_question(scene);
		usleep(LOOK_US);
	}
	return NULL;
}

static void
sync_starts(struct scene *scene, enum role_state state, enum pair_verdict answer)
{
	atomic_store(&scene->state, state);
	atomic_store(&scene->answer, answer);
	atomic_store(&scene->stop, false);
	assert_int_equal(pthread_create(&scene->sync, NULL, play_sync, scene), 0);
	while (!pair_view_is_alive(shm_pair_view(&scene->gateway->shm), monotonic_now_ms()))
		usleep(LOOK_US);
}

static void
sync_ends(struct scene *scene)
{
	if (!atomic_exchange(&scene->stop, true))
		pthread_join(scene->sync, NULL);
}

static void
start(struct scene *scene, uint32_t commit)
{
	struct settings_failover *failover = &scene->gateway->settings.failover;

	gateway_stop_manager(scene->gateway, SIGTERM, 0);
	failover->line = 1;
	failover->commit = commit;
	snprintf(failover->node, sizeof(failover->node), "mx1");
	gateway_start_manager(scene->gateway);
	person_open(&scene->person, scene->gateway);
}

static int
setup(void **state)
{
	static struct scene scene;
	void *gateway;
	int result = gateway_setup(&gateway);

	memset(&scene, 0, sizeof(scene));
	scene.gateway = gateway;
	atomic_store(&scene.stop, true);
	*state = &scene;
	return result;
}

static int
teardown(void **state)
{
	struct scene *scene = *state;
	void *gateway = scene->gateway;

	sync_ends(scene);
	person_close(&scene->person);
	return gateway_teardown(&gateway);
}

/* ---- the standby ---- */

static void
bring(struct scene *scene, enum pair_text_kind kind, const char *text, struct pair_file file)
{
	const struct shm *shm = &scene->gateway->shm;

	assert_int_equal(pair_file_write(scene->gateway->directory, PAIR_FILE_IN, kind, &file,
			     (const uint8_t *)text, strlen(text)),
	    0);
	scene->peer.laid[kind]++;
	pair_texts_publish(shm_texts_peer(shm), &scene->peer);
	for (unsigned i = 0; i < LOOKS; i++) {
		struct pair_texts own;

		pair_texts_read(shm_texts_own(shm), &own);
		if (own.seen[kind] == scene->peer.laid[kind])
			return;
		usleep(LOOK_US);
	}
	fail_msg("the manager has not looked at it");
}

static struct pair_texts
verdict(const struct scene *scene)
{
	struct pair_texts own;

	pair_texts_read(shm_texts_own(&scene->gateway->shm), &own);
	return own;
}

static bool
runs_by(struct scene *scene, const char *words)
{
	assert_int_equal(person_execute(&scene->person, "show running-config"), EX_OK);
	return person_says(&scene->person, words);
}

/* Events are not there at once. */
static void
expect_shown(struct scene *scene, const char *line, const char *words)
{
	for (unsigned i = 0; i < LOOKS / 4; i++) {
		assert_int_equal(person_execute(&scene->person, line), EX_OK);
		if (person_says(&scene->person, words))
			return;
		usleep(LOOK_US);
	}
	fail_msg("'%s' does not show '%s': %s", line, words, text_string(&scene->person.text));
}

static struct pair_file
laid(const struct scene *scene, enum pair_text_kind kind, const char *words)
{
	struct pair_file file;
	uint8_t *text;

	assert_int_equal(
	    pair_file_read(scene->gateway->directory, PAIR_FILE_OUT, kind, &file, &text), 0);
	assert_non_null(text);
	if (strstr((char *)text, words) == NULL)
		fail_msg("'%s' is not in what is laid out: %s", words, (char *)text);
	free(text);
	return file;
}

static void
expect_laid(const struct scene *scene, enum pair_text_kind kind, const char *words)
{
	assert_int_equal(laid(scene, kind, words).is_erased, 0);
}

static void
expect_erased(const struct scene *scene, enum pair_text_kind kind)
{
	assert_int_equal(laid(scene, kind, "").is_erased, 1);
}

static void
test_the_standby_follows(void **state)
{
	struct scene *scene = *state;
	char words[256];

	start(scene, SETTINGS_COMMIT_DEGRADE);
	snprintf(words, sizeof(words), "hostname mx-one\n" STATIC, 2525);
	bring(scene, PAIR_TEXT_RUNNING, words, (struct pair_file){.is_live = 0});
	assert_int_equal(verdict(scene).verdict, PAIR_VERDICT_TAKEN);
	assert_true(runs_by(scene, "hostname mx-one"));
	assert_int_equal(scene->gateway->table.count, 1);
	/* It outlives this manager. */
	gateway_stop_manager(scene->gateway, SIGKILL, 0);
	person_close(&scene->person);
	gateway_start_manager(scene->gateway);
	person_open(&scene->person, scene->gateway);
	assert_true(runs_by(scene, "hostname mx-one"));
}

static void
expect_refused(struct scene *scene, const char *text, bool is_live, const char *reason)
{
	bring(scene, PAIR_TEXT_RUNNING, text, (struct pair_file){.is_live = is_live});
	assert_int_equal(verdict(scene).verdict, PAIR_VERDICT_REFUSED);
	if (strstr(verdict(scene).reason, reason) == NULL)
		fail_msg("the reason is '%s'", verdict(scene).reason);
	assert_true(runs_by(scene, "hostname mx-one"));
}

static void
test_what_it_cannot_follow(void **state)
{
	struct scene *scene = *state;
	char words[256], *many;

	start(scene, SETTINGS_COMMIT_DEGRADE);
	bring(scene, PAIR_TEXT_RUNNING, "hostname mx-one\n", (struct pair_file){.is_live = 1});
	snprintf(words, sizeof(words), "hostname mx-two\n" STATIC, GATEWAY_BUSY_PORT);
	expect_refused(scene, words, false, "cannot listen on 127.0.0.1:9999");
	expect_refused(
	    scene, "hostname mx-two\nwrite memory\n", false, "'write memory': not understood");
	expect_refused(scene, "hostname mx-two\nno such line\n", false, "'no such line'");
	many = malloc(PAIR_FILE_MAX + 1);
	memset(many, 'x', PAIR_FILE_MAX);
	many[PAIR_FILE_MAX] = '\0';
	expect_refused(scene, many, true, "lines that are too long");
	free(many);
	/* What the active runs by all the same is taken as far as it goes. */
	snprintf(words, sizeof(words), "hostname mx-two\nno such line\n" STATIC, GATEWAY_BUSY_PORT);
	bring(scene, PAIR_TEXT_RUNNING, words, (struct pair_file){.is_live = 1});
	assert_int_equal(verdict(scene).verdict, PAIR_VERDICT_TAKEN);
	assert_true(runs_by(scene, "hostname mx-two"));
}

static void
test_its_operators_change_nothing(void **state)
{
	struct scene *scene = *state;
	const char *words = "failover: this host is the standby, change it on mx2";

	start(scene, SETTINGS_COMMIT_DEGRADE);
	person_execute(&scene->person, "enable");
	person_execute(&scene->person, "configure terminal");
	sync_starts(scene, ROLE_CATCHUP, PAIR_VERDICT_NONE);
	assert_int_equal(person_execute(&scene->person, "hostname other"), EX_UNAVAILABLE);
	assert_true(person_says(&scene->person, words));
	assert_int_equal(person_execute(&scene->person, "write memory"), EX_UNAVAILABLE);
	assert_true(person_says(&scene->person, words));
	assert_int_equal(person_execute(&scene->person, "write erase"), EX_UNAVAILABLE);
	assert_false(runs_by(scene, "hostname other"));
	atomic_store(&scene->state, ROLE_WAITING);
	usleep(4 * LOOK_US);
	assert_int_equal(person_execute(&scene->person, "hostname other"), EX_OK);
}

static void
expect_saved(struct scene *scene, const char *words)
{
	int status = person_execute(&scene->person, "show startup-config");

	assert_int_equal(status, words == NULL ? EX_UNAVAILABLE : EX_OK);
	assert_true(words == NULL || person_says(&scene->person, words));
}

static void
test_what_is_saved_is_saved_here(void **state)
{
	struct scene *scene = *state;
	struct pair_file file = {
	    .epoch = 3, .serial = 9, .saved = "2026-01-01T00:00:00Z", .by = "eve"};

	start(scene, SETTINGS_COMMIT_DEGRADE);
	expect_saved(scene, NULL);
	bring(scene, PAIR_TEXT_STARTUP, "hostname saved\n", file);
	expect_saved(scene, "! Saved 2026-01-01T00:00:00Z by eve, serial 9\nhostname saved\n");
	file.serial = 8;
	bring(scene, PAIR_TEXT_STARTUP, "hostname older\n", file);
	expect_saved(scene, "hostname saved\n");
	file.epoch = 4;
	bring(scene, PAIR_TEXT_STARTUP, "hostname newer\n", file);
	expect_saved(scene, "hostname newer\n");
	bring(scene, PAIR_TEXT_STARTUP, "", (struct pair_file){.is_erased = 1});
	expect_saved(scene, NULL);
}

/* Kept for the time when this host is the active one, and so is that there is none. */
static void
test_candidate_and_timer_are_kept(void **state)
{
	struct scene *scene = *state;
	struct pair_file file = {.saved = "2026-01-01T00:00:00Z", .by = "eve", .expires_ms = 60000};
	struct pair_texts own;

	start(scene, SETTINGS_COMMIT_DEGRADE);
	sync_starts(scene, ROLE_SYNCED, PAIR_VERDICT_NONE);
	bring(scene, PAIR_TEXT_CONFIRM, "hostname before\n", file);
	bring(scene, PAIR_TEXT_RUNNING, "hostname trial\n", (struct pair_file){.is_live = 1});
	memset(file.base, 7, sizeof(file.base));
	bring(scene, PAIR_TEXT_CANDIDATE, "hostname draft\n", file);
	expect_shown(scene, "show candidate", "! Unconfirmed: the commit of eve at 2026-01-01");
	expect_shown(scene, "show candidate", "! Changed 2026-01-01T00:00:00Z by eve, and the ");
	expect_shown(scene, "show candidate", "hostname draft\n");
	assert_int_equal(person_execute(&scene->person, "commit"), EX_UNAVAILABLE);
	assert_true(person_says(&scene->person, "failover: this host is the standby"));
	assert_int_equal(person_execute(&scene->person, "rollback 1"), EX_UNAVAILABLE);
	assert_int_equal(person_execute(&scene->person, "clear candidate"), EX_UNAVAILABLE);
	assert_int_equal(person_execute(&scene->person, "configure candidate"), EX_OK);
	assert_int_equal(person_execute(&scene->person, "hostname mine"), EX_UNAVAILABLE);
	/* As this host will tell them. */
	own = verdict(scene);
	expect_laid(scene, PAIR_TEXT_CANDIDATE, "hostname draft\n");
	expect_laid(scene, PAIR_TEXT_CONFIRM, "hostname before\n");
	bring(scene, PAIR_TEXT_CANDIDATE, "", (struct pair_file){.is_erased = 1});
	expect_shown(scene, "show candidate", "! No candidate");
	bring(scene, PAIR_TEXT_CANDIDATE, "nonsense\n", file);
	expect_shown(scene, "show events", "109091: Failover: this host cannot take the candidate");
	assert_true(verdict(scene).laid[PAIR_TEXT_CANDIDATE] > own.laid[PAIR_TEXT_CANDIDATE]);
	bring(scene, PAIR_TEXT_CONFIRM, "", (struct pair_file){.is_erased = 1});
	assert_int_equal(person_execute(&scene->person, "show candidate"), EX_OK);
	assert_false(person_says(&scene->person, "! Unconfirmed"));
}

/* The time passes on a standby without anything being done; the active one does it then. */
static void
test_the_timer_is_the_actives(void **state)
{
	struct scene *scene = *state;
	struct pair_file file = {.by = "eve", .expires_ms = 1};

	start(scene, SETTINGS_COMMIT_DEGRADE);
	sync_starts(scene, ROLE_SYNCED, PAIR_VERDICT_NONE);
	bring(scene, PAIR_TEXT_RUNNING, "hostname trial\n", (struct pair_file){.is_live = 1});
	atomic_store(shm_clock_floor(&scene->gateway->shm), 1000);
	bring(scene, PAIR_TEXT_CONFIRM, "hostname before\n", file);
	sleep(2);
	assert_true(runs_by(scene, "hostname trial\n"));
	/* Not either while sync is silent. */
	sync_ends(scene);
	sleep(1 + PAIR_ALIVE_MS / 1000);
	assert_true(runs_by(scene, "hostname trial\n"));
	sync_starts(scene, ROLE_DEGRADED, PAIR_VERDICT_NONE);
	for (unsigned i = 0; !runs_by(scene, "hostname before\n"); i++) {
		assert_true(i < LOOKS);
		usleep(LOOK_US);
	}
	expect_shown(scene, "show events", "109052: The commit of eve was not confirmed in time");
	expect_erased(scene, PAIR_TEXT_CONFIRM);
}

/* ---- the active ---- */

static void
begin_changes(struct scene *scene, uint32_t commit, enum role_state state, enum pair_verdict answer)
{
	start(scene, commit);
	person_execute(&scene->person, "enable");
	person_execute(&scene->person, "configure terminal");
	sync_starts(scene, state, answer);
}

static void
test_the_standby_is_asked_first(void **state)
{
	struct scene *scene = *state;
	char line[128];
	unsigned asked;

	begin_changes(scene, SETTINGS_COMMIT_DEGRADE, ROLE_ACTIVE, PAIR_VERDICT_TAKEN);
	assert_int_equal(person_execute(&scene->person, "hostname asked"), EX_OK);
	asked = atomic_load(&scene->asked);
	assert_true(asked >= 1);
	/* Nothing that would change anything is asked. */
	assert_int_equal(person_execute(&scene->person, "hostname asked"), EX_OK);
	assert_int_equal(atomic_load(&scene->asked), asked);
	atomic_store(&scene->answer, PAIR_VERDICT_REFUSED);
	assert_int_equal(person_execute(&scene->person, "hostname refused"), EX_DATAERR);
	assert_true(person_says(
	    &scene->person, "failover: the standby mx2 cannot run by it: for a reason"));
	assert_true(runs_by(scene, "hostname asked"));
	/* It was asked, and it is told when the change does not hold here. */
	atomic_store(&scene->answer, PAIR_VERDICT_TAKEN);
	snprintf(line, sizeof(line), STATIC, GATEWAY_BUSY_PORT);
	line[strlen(line) - 1] = '\0';
	assert_int_equal(person_execute(&scene->person, line), EX_DATAERR);
	sync_ends(scene);
	struct pair_file file;
	uint8_t *text;
	assert_int_equal(pair_file_read(scene->gateway->directory, PAIR_FILE_OUT, PAIR_TEXT_RUNNING,
			     &file, &text),
	    0);
	assert_int_equal(file.is_live, 1);
	assert_null(strstr((char *)text, "9999"));
	free(text);
}

static void
test_without_an_answer(void **state)
{
	struct scene *scene = *state;

	begin_changes(scene, SETTINGS_COMMIT_DEGRADE, ROLE_ACTIVE, PAIR_VERDICT_NONE);
	assert_int_equal(person_execute(&scene->person, "hostname unanswered"), EX_OK);
	assert_true(atomic_load(&scene->asked) >= 1);
	assert_true(runs_by(scene, "hostname unanswered"));
}

static void
test_without_an_answer_strict(void **state)
{
	struct scene *scene = *state;

	begin_changes(scene, SETTINGS_COMMIT_STRICT, ROLE_ACTIVE, PAIR_VERDICT_NONE);
	assert_int_equal(person_execute(&scene->person, "hostname unanswered"), EX_DATAERR);
	assert_true(
	    person_says(&scene->person, "does not answer, and commit = strict waits for it"));
	assert_false(runs_by(scene, "hostname unanswered"));
}

/* The timer is there before the standby is asked, and gone before the operator is told so. */
static void
test_a_commit_is_told(void **state)
{
	struct scene *scene = *state;
	unsigned asked;

	begin_changes(scene, SETTINGS_COMMIT_DEGRADE, ROLE_ACTIVE, PAIR_VERDICT_REFUSED);
	assert_int_equal(person_execute(&scene->person, "configure candidate"), EX_OK);
	assert_int_equal(person_execute(&scene->person, "hostname trial"), EX_OK);
	expect_laid(scene, PAIR_TEXT_CANDIDATE, "hostname trial\n");
	/* Nobody is asked about a candidate, nor by `commit check`. */
	assert_int_equal(person_execute(&scene->person, "commit check"), EX_OK);
	assert_int_equal(atomic_load(&scene->asked), 0);
	assert_int_equal(person_execute(&scene->person, "commit confirmed 5"), EX_DATAERR);
	assert_true(person_says(&scene->person, "the standby mx2 cannot run by it: for a reason"));
	assert_true(atomic_load(&scene->armed));
	expect_erased(scene, PAIR_TEXT_CONFIRM);
	expect_laid(scene, PAIR_TEXT_CANDIDATE, "hostname trial\n");
	atomic_store(&scene->answer, PAIR_VERDICT_TAKEN);
	assert_int_equal(person_execute(&scene->person, "commit confirmed 5"), EX_OK);
	expect_laid(scene, PAIR_TEXT_CONFIRM, "hostname smtpguard\n");
	expect_erased(scene, PAIR_TEXT_CANDIDATE);
	asked = atomic_load(&scene->told);
	atomic_store(&scene->armed, true);
	assert_int_equal(person_execute(&scene->person, "commit"), EX_OK);
	assert_true(person_says(&scene->person, "Commit confirmed\n"));
	assert_false(person_says(&scene->person, "WARNING"));
	assert_true(atomic_load(&scene->told) > asked);
	assert_false(atomic_load(&scene->armed));
	expect_erased(scene, PAIR_TEXT_CONFIRM);
}

/* A standby that is lost, or does not answer, keeps nobody from confirming; it is said. */
static void
test_a_confirmation_without_an_answer(void **state)
{
	struct scene *scene = *state;

	begin_changes(scene, SETTINGS_COMMIT_STRICT, ROLE_ACTIVE, PAIR_VERDICT_TAKEN);
	assert_int_equal(person_execute(&scene->person, "configure candidate"), EX_OK);
	assert_int_equal(person_execute(&scene->person, "hostname trial"), EX_OK);
	assert_int_equal(person_execute(&scene->person, "commit confirmed 5"), EX_OK);
	atomic_store(&scene->answer, PAIR_VERDICT_NONE);
	assert_int_equal(person_execute(&scene->person, "commit"), EX_OK);
	assert_true(person_says(&scene->person, "WARNING: the standby may not know it: failover"));
	assert_true(person_says(&scene->person, "Commit confirmed\n"));
}

/* Nobody has to be able to take over. */
static void
test_without_a_standby(void **state)
{
	struct scene *scene = *state;

	begin_changes(scene, SETTINGS_COMMIT_STRICT, ROLE_DEGRADED, PAIR_VERDICT_REFUSED);
	assert_int_equal(person_execute(&scene->person, "hostname alone"), EX_OK);
	assert_true(runs_by(scene, "hostname alone"));
	assert_int_equal(person_execute(&scene->person, "write memory"), EX_OK);
	sync_ends(scene);
	struct pair_file file;
	uint8_t *text;
	assert_int_equal(pair_file_read(scene->gateway->directory, PAIR_FILE_OUT, PAIR_TEXT_STARTUP,
			     &file, &text),
	    0);
	assert_int_equal(file.epoch, 5);
	assert_non_null(strstr((char *)text, "hostname alone\n"));
	free(text);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
	    TEST(test_the_standby_follows),
	    TEST(test_what_it_cannot_follow),
	    TEST(test_its_operators_change_nothing),
	    TEST(test_what_is_saved_is_saved_here),
	    TEST(test_candidate_and_timer_are_kept),
	    TEST(test_the_timer_is_the_actives),
	    TEST(test_a_commit_is_told),
	    TEST(test_a_confirmation_without_an_answer),
	    TEST(test_the_standby_is_asked_first),
	    TEST(test_without_an_answer),
	    TEST(test_without_an_answer_strict),
	    TEST(test_without_a_standby),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
