#include "daemon/manager/commit.h"

#include "daemon/manager/config_lines.h"
#include "daemon/manager/event_note.h"
#include "daemon/manager/lines_diff.h"
#include "daemon/manager/running_load.h"
#include "shm/failpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MINUTE_MS UINT64_C(60000)
#define WHY_MAX	  4096u
#define TIMER	  "the confirm timer"

static uint64_t
gateway_ms(const struct commit *commit)
{
	return atomic_load_explicit(shm_clock_floor(commit->shm), memory_order_relaxed);
}

static bool
refuse(struct text *out, const char *what, int error)
{
	text_printf(out, "%s: %s", what, strerror(-error));
	return false;
}

/* ---- what the pair is told ---- */

static void
tell_candidate(struct commit *commit)
{
	const struct candidate *candidate = &commit->candidate;

	pair_config_lay(commit->pair, PAIR_TEXT_CANDIDATE,
	    candidate->config != NULL ? &candidate->entry : NULL);
}

static void
tell_confirm(struct commit *commit)
{
	const struct confirm *confirm = &commit->confirm;

	pair_config_lay(
	    commit->pair, PAIR_TEXT_CONFIRM, confirm->is_armed ? &confirm->entry : NULL);
}

static void
drop_candidate(struct commit *commit, struct text *out)
{
	int result = candidate_drop(&commit->candidate);

	if (result < 0)
		text_printf(out, "WARNING: it comes back with the next manager: %s: %s\n",
		    CANDIDATE_FILE, strerror(-result));
	tell_candidate(commit);
}

static void
forget_confirm(struct commit *commit, struct text *out)
{
	int result = confirm_forget(&commit->confirm);

	if (result < 0)
		text_printf(out, "WARNING: the next manager would not know: %s: %s\n", CONFIRM_FILE,
		    strerror(-result));
	tell_confirm(commit);
}

/* ---- start ---- */

static bool
runs_by(const struct commit *commit, const unsigned char digest[LINES_DIGEST_SIZE])
{
	unsigned char running[LINES_DIGEST_SIZE];

	return config_digest(commit->running->config, running) &&
	       memcmp(running, digest, sizeof(running)) == 0;
}

/* A manager has died within a commit: one that has not come about, or one whose candidate was not dropped
 * yet.  A standby may have the timer and not yet what it is for. */
static void
settle_a_death(struct commit *commit)
{
	if (commit->confirm.is_armed && commit_left_ms(commit) > 0 &&
	    runs_by(commit, commit->confirm.entry.digest) && !pair_config_follows(commit->pair))
		confirm_forget(&commit->confirm);
	if (commit->candidate.config != NULL && runs_by(commit, commit->candidate.entry.digest))
		candidate_drop(&commit->candidate);
}

void
commit_open(
    struct commit *commit, const struct shm *shm, struct running *running, struct pair_config *pair)
{
	int directory = running->directory;

	*commit = (struct commit){.shm = shm, .running = running, .pair = pair};
	committed_open(&commit->committed, shm, directory);
	candidate_open(&commit->candidate, shm, directory);
	confirm_open(&commit->confirm, shm, directory, running_instance(running));
	settle_a_death(commit);
	tell_confirm(commit);
	tell_candidate(commit);
}

void
commit_close(struct commit *commit)
{
	candidate_close(&commit->candidate);
	confirm_close(&commit->confirm);
}

/* ---- the candidate ---- */

const struct config *
commit_candidate(const struct commit *commit)
{
	return commit->candidate.config != NULL ? commit->candidate.config
						: commit->running->config;
}

bool
commit_is_outdated(const struct commit *commit)
{
	return commit->candidate.config != NULL && !runs_by(commit, commit->candidate.entry.base);
}

/* A candidate that says what runs is none. */
static bool
take_candidate(struct commit *commit, struct config *next, const char *by,
    const unsigned char base[LINES_DIGEST_SIZE], struct text *out)
{
	unsigned char digest[LINES_DIGEST_SIZE];

	if (!config_digest(next, digest))
		return refuse(out, "the candidate cannot be kept", -EFBIG);
	if (runs_by(commit, digest)) {
		drop_candidate(commit, out);
		config_free(next);
		return true;
	}
	int result = candidate_take(&commit->candidate, next, by, "", base);
	if (result < 0)
		return refuse(out, "the candidate cannot be kept", result);
	tell_candidate(commit);
	return true;
}

bool
commit_collect(struct commit *commit, struct config *next, const char *by, struct text *out)
{
	unsigned char base[LINES_DIGEST_SIZE];

	if (commit->candidate.config != NULL)
		memcpy(base, commit->candidate.entry.base, sizeof(base));
	else if (!config_digest(commit->running->config, base))
		return refuse(out, "the candidate cannot begin", -ENOMEM);
	return take_candidate(commit, next, by, base, out);
}

bool
commit_clear(struct commit *commit, struct text *out)
{
	if (commit->candidate.config == NULL) {
		text_add_string(out, "there is no candidate");
		return false;
	}
	drop_candidate(commit, out);
	text_add_string(out, "The candidate is dropped");
	return true;
}

static bool
load_candidate(struct commit *commit, const struct lines *lines, const char *by, struct text *out)
{
	unsigned char base[LINES_DIGEST_SIZE];
	struct config *next;

	if (!config_digest(commit->running->config, base))
		return refuse(out, "the candidate cannot begin", -ENOMEM);
	next = running_load_lines(commit->shm, lines, out);
	if (next == NULL) {
		if (out->length == 0)
			refuse(out, "the candidate cannot begin", -ENOMEM);
		return false;
	}
	if (take_candidate(commit, next, by, base, out))
		return true;
	config_free(next);
	return false;
}

bool
commit_rollback(struct commit *commit, unsigned number, const char *by, struct text *out)
{
	struct store_entry entry;
	char why[STORE_WHY_MAX];

	if (number == 0) {
		drop_candidate(commit, out);
		text_add_string(out, "The candidate is what runs");
		return true;
	}
	if (committed_read(&commit->committed, number, &entry, why) < 0) {
		text_printf(out, "rollback %u: %s", number, why);
		return false;
	}
	bool loaded = load_candidate(commit, &entry.lines, by, out);
	store_entry_free(&entry);
	if (loaded)
		text_printf(out,
		    "The candidate is what ran until %s: `show configuration diff` shows what "
		    "`commit` would change",
		    entry.saved);
	return loaded;
}

/* ---- commit ---- */

static bool
has_something(const struct commit *commit, struct text *out)
{
	if (commit->candidate.config == NULL)
		text_add_string(
		    out, "there is nothing to commit: `configure candidate` collects changes");
	return commit->candidate.config != NULL;
}

bool
commit_check(struct commit *commit, struct text *out)
{
	if (!has_something(commit, out) ||
	    !running_check(commit->running, commit->candidate.config, out))
		return false;
	text_add_string(out, "The candidate can run");
	if (commit_is_outdated(commit))
		text_add_string(out, "; it began with another running configuration, so only "
				     "`commit force` takes it");
	return true;
}

/* "+3 -1 lines" */
static void
describe_change(const struct lines *from, const struct lines *to, struct text *out)
{
	struct lines_diff diff;

	if (lines_diff_make(&diff, from, to))
		text_printf(out, "+%zu -%zu lines", diff.additions, diff.removals);
	else
		text_add_string(out, "changes");
	lines_diff_free(&diff);
}

static void
add_minutes(uint32_t minutes, struct text *out)
{
	text_printf(
	    out, "taken back in %" PRIu32 " min unless another `commit` confirms it", minutes);
}

static void
add_wait(uint64_t left_ms, struct text *out)
{
	uint64_t seconds = (left_ms + 999) / 1000;

	text_printf(out, "%" PRIu64 " min %02" PRIu64 " s", seconds / 60, seconds % 60);
}

static void
note_commit(const struct commit *commit, const struct commit_order *order, struct text *done)
{
	if (order->minutes > 0) {
		text_add_string(done, ", ");
		add_minutes(order->minutes, done);
	}
	event_note(commit->shm, EVENT_NOTE_CONFIG_COMMITTED, 0, order->by, text_string(done), NULL);
}

/* From now on nothing is taken back, and the standby knows it. */
static void
confirm_now(struct commit *commit, const char *by, struct text *out)
{
	char whose[STORE_BY_MAX];
	struct text why;

	snprintf(whose, sizeof(whose), "%s", commit->confirm.entry.by);
	forget_confirm(commit, out);
	event_note(commit->shm, EVENT_NOTE_COMMIT_CONFIRMED, 0, by, whose, NULL);
	text_init(&why, WHY_MAX);
	if (!pair_config_settle(commit->pair, commit->running->config, &why))
		text_printf(out, "WARNING: the standby may not know it: %s\n", text_string(&why));
	text_free(&why);
}

/* There is no candidate, but a commit that waits. */
static bool
confirm_alone(struct commit *commit, const struct commit_order *order, struct text *out)
{
	struct confirm *confirm = &commit->confirm;
	int result;

	if (order->minutes == 0) {
		confirm_now(commit, order->by, out);
		text_add_string(out, "Commit confirmed");
		return true;
	}
	result = confirm_arm(confirm, NULL, confirm->entry.by, confirm->entry.saved,
	    gateway_ms(commit) + order->minutes * MINUTE_MS);
	if (result < 0)
		return refuse(out, "the time cannot be kept", result);
	tell_confirm(commit);
	text_add_string(out, "The commit is ");
	add_minutes(order->minutes, out);
	return true;
}

static bool
is_allowed(struct commit *commit, bool force, struct text *out)
{
	if (force || !commit_is_outdated(commit))
		return true;
	text_add_string(out,
	    "the running configuration was changed since the candidate began: `show configuration "
	    "diff` shows what a commit would change now, `commit force` does it");
	return false;
}

/* Before the change: whoever goes on behind a death knows that it is to be taken back. */
static bool
prepare(struct commit *commit, const struct commit_order *order, const struct lines *before,
    struct text *out)
{
	int result = committed_push(&commit->committed, before, order->by);

	if (result < 0)
		return refuse(out, "what runs cannot be kept for rollback", result);
	if (order->minutes == 0 || commit->confirm.is_armed)
		return true;
	result = confirm_arm(&commit->confirm, before, order->by, "",
	    gateway_ms(commit) + order->minutes * MINUTE_MS);
	if (result == 0) {
		tell_confirm(commit);
		return true;
	}
	committed_pop(&commit->committed);
	return refuse(out, "the time cannot be kept", result);
}

/* It does not run: what was prepared is undone. */
static void
undo(struct commit *commit, bool was_armed, struct text *out)
{
	int result = committed_pop(&commit->committed);

	if (result < 0)
		text_printf(out, "\nrollback 1 is what runs: %s", strerror(-result));
	if (!was_armed && commit->confirm.is_armed) {
		result = confirm_forget(&commit->confirm);
		if (result < 0)
			text_printf(out, "\n%s: %s", CONFIRM_FILE, strerror(-result));
		tell_confirm(commit);
	}
}

/* Behind the change: the timer of an earlier commit ends, or runs anew. */
static void
conclude(struct commit *commit, const struct commit_order *order, bool was_armed, struct text *out)
{
	int result;

	if (!was_armed)
		return;
	if (order->minutes == 0) {
		confirm_now(commit, order->by, out);
		return;
	}
	result = confirm_arm(
	    &commit->confirm, NULL, order->by, "", gateway_ms(commit) + order->minutes * MINUTE_MS);
	if (result < 0)
		text_printf(out, "WARNING: the time of the commit before holds on: %s: %s\n",
		    CONFIRM_FILE, strerror(-result));
	tell_confirm(commit);
}

static bool
let_it_run(struct commit *commit, const struct commit_order *order, const struct lines *before,
    struct text *out)
{
	bool was_armed = commit->confirm.is_armed;
	struct config *next = config_clone(commit->candidate.config);

	if (next == NULL)
		return refuse(out, "commit", -ENOMEM);
	if (!prepare(commit, order, before, out)) {
		config_free(next);
		return false;
	}
	FAILPOINT(commit_prepared);
	if (!running_change(commit->running, next, out)) {
		config_free(next);
		undo(commit, was_armed, out);
		return false;
	}
	FAILPOINT(commit_live);
	if (out->length > 0)
		text_add_string(out, "\n");
	conclude(commit, order, was_armed, out);
	drop_candidate(commit, out);
	return true;
}

static bool
commit_candidate_now(struct commit *commit, const struct commit_order *order, struct text *out)
{
	struct lines before;
	struct text done;
	bool committed = false;

	text_init(&done, WHY_MAX);
	lines_init(&before);
	if (!config_lines(&before, commit->running->config, NULL, false)) {
		refuse(out, "commit", -ENOMEM);
	} else {
		describe_change(&before, &commit->candidate.entry.lines, &done);
		committed = let_it_run(commit, order, &before, out);
	}
	if (committed) {
		note_commit(commit, order, &done);
		text_printf(out, "Commit complete: %s", text_string(&done));
	}
	lines_free(&before);
	text_free(&done);
	return committed;
}

bool
commit_make(struct commit *commit, const struct commit_order *order, struct text *out)
{
	if (commit->candidate.config == NULL && commit->confirm.is_armed)
		return confirm_alone(commit, order, out);
	return has_something(commit, out) && is_allowed(commit, order->force, out) &&
	       running_check(commit->running, commit->candidate.config, out) &&
	       commit_candidate_now(commit, order, out);
}

uint64_t
commit_left_ms(const struct commit *commit)
{
	return confirm_left_ms(&commit->confirm, gateway_ms(commit));
}

bool
commit_is_unconfirmed(const struct commit *commit, struct text *out)
{
	const struct store_entry *entry = &commit->confirm.entry;

	if (!commit->confirm.is_armed)
		return false;
	text_add_string(out, "the commit of ");
	text_add_escaped(out, entry->by, strlen(entry->by), STORE_BY_MAX);
	text_printf(out, " at %s is not confirmed: it is taken back in ", entry->saved);
	add_wait(commit_left_ms(commit), out);
	return true;
}

/* ---- the standby ---- */

int
commit_follow_candidate(
    struct commit *commit, const struct store_entry *entry, struct text *refused)
{
	struct config *next;
	int result;

	if (entry == NULL) {
		result = candidate_drop(&commit->candidate);
	} else {
		next = running_load_lines(commit->shm, &entry->lines, refused);
		if (next == NULL)
			return refused->length > 0 ? -EINVAL : -ENOMEM;
		result =
		    candidate_take(&commit->candidate, next, entry->by, entry->saved, entry->base);
		if (result < 0)
			config_free(next);
	}
	tell_candidate(commit);
	return result;
}

int
commit_follow_confirm(struct commit *commit, const struct store_entry *entry)
{
	int result;

	if (entry == NULL)
		result = confirm_forget(&commit->confirm);
	else
		result = confirm_arm(
		    &commit->confirm, &entry->lines, entry->by, entry->saved, entry->expires_ms);
	tell_confirm(commit);
	return result;
}

/* ---- the timer ---- */

static bool
go_back(struct commit *commit, struct text *why)
{
	struct lines before;
	struct config *next;

	/* A manager before this one has done it, and died. */
	if (runs_by(commit, commit->confirm.entry.digest))
		return true;
	next = running_load_lines(commit->shm, &commit->confirm.entry.lines, NULL);
	if (next == NULL)
		return refuse(why, "it cannot be read", -ENOMEM);
	lines_init(&before);
	bool pushed = config_lines(&before, commit->running->config, NULL, false) &&
		      committed_push(&commit->committed, &before, TIMER) == 0;
	lines_free(&before);
	if (running_go_back(commit->running, next, why))
		return true;
	config_free(next);
	if (pushed)
		committed_pop(&commit->committed);
	return false;
}

void
commit_tick(struct commit *commit, uint64_t now_ms)
{
	char by[STORE_BY_MAX];
	struct text why;

	if (!commit->confirm.is_armed || commit_left_ms(commit) > 0 || now_ms < commit->retry_ms ||
	    pair_config_follows(commit->pair))
		return;
	text_init(&why, WHY_MAX);
	snprintf(by, sizeof(by), "%s", commit->confirm.entry.by);
	if (go_back(commit, &why)) {
		event_note(commit->shm, EVENT_NOTE_COMMIT_TAKEN_BACK, 0, by, NULL, NULL);
		forget_confirm(commit, &why);
		commit->is_stuck = false;
	} else {
		if (!commit->is_stuck)
			event_note(
			    commit->shm, EVENT_NOTE_COMMIT_STAYS, 0, by, text_string(&why), NULL);
		commit->is_stuck = true;
		commit->retry_ms = now_ms + COMMIT_RETRY_MS;
	}
	text_free(&why);
}
