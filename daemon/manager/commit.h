/*
 * commit -- candidate, commit, confirm timer and rollback: what each does, and what is kept of it
 *
 * `configure candidate` collects lines in one candidate (candidate.h), which begins as a copy of what runs.
 * Each line is parsed as a live one is; whether all of them together could run is judged by `commit check`,
 * which changes nothing, and by `commit`.
 *
 * `commit` lets the candidate run, whole or not at all, by the way of every other change (running.h): in a
 * pair the standby must be able to run by it.  What ran before goes to the history (committed.h), and the
 * candidate is gone.  It is refused when the running configuration is not the one that the candidate began
 * with: whoever commits is to see in `show configuration diff` what of that the candidate would undo.  `commit
 * force` undoes it.
 *
 * `commit confirmed MINUTES` is live at once as well, and taken back when that time is over, unless a `commit`
 * has come (confirm.h): with a candidate, that is committed and both are confirmed; without, what runs is.
 * Another `commit confirmed` sets the time anew and goes back, without a confirmation, to what it would have
 * gone back to before.  Lines that are entered live meanwhile are taken back too.  Until it is confirmed,
 * `write memory` is refused.  `commit check` confirms nothing.  What cannot be taken back, since the
 * supervisor, the standby or the memory do not allow it, is tried again every COMMIT_RETRY_MS.
 *
 * `rollback N` makes the N-th of the history the candidate, in place of the one that is there; it runs by a
 * `commit`.  `rollback 0` and `clear candidate` drop the candidate.
 *
 * In a pair all of this is done on the active one.  The standby is told the candidate and the confirm timer
 * and keeps them; it acts on the timer when it has become the active one.  It has the timer before it runs
 * by what was committed, and knows of the confirmation before the operator does.
 *
 * At a death of the manager: before the change holds there is the candidate still, and the timer finds
 * nothing to take back; behind it the timer is there, and a candidate that says what runs is none.
 *
 * Called by the manager only.  Texts for the operator have no "%" and no line end.
 */
#ifndef DAEMON_MANAGER_COMMIT_H
#define DAEMON_MANAGER_COMMIT_H

#include "daemon/manager/candidate.h"
#include "daemon/manager/committed.h"
#include "daemon/manager/confirm.h"
#include "daemon/manager/pair_config.h"
#include "daemon/manager/running.h"

#define COMMIT_RETRY_MS 10000u

struct commit {
	const struct shm *shm;
	struct running *running;
	struct pair_config *pair;
	struct candidate candidate;
	struct confirm confirm;
	struct committed committed;
	uint64_t retry_ms; /* CLOCK_MONOTONIC; before it nothing is taken back */
	bool is_stuck;	   /* taking back has failed, and was told */
};

struct commit_order {
	const char *by;
	bool force;
	uint32_t minutes; /* 0: for good */
};

/* Reads what is kept, and lays it out for the pair: behind running_open() and pair_config_open(). */
void commit_open(struct commit *commit, const struct shm *shm, struct running *running,
    struct pair_config *pair);
void commit_close(struct commit *commit);

/* The candidate, or what it would begin with; not the caller's. */
const struct config *commit_candidate(const struct commit *commit);
/* What runs is no longer what the candidate began with. */
bool commit_is_outdated(const struct commit *commit);

/* False: nothing has changed, *out says why.  Each tells the pair. */
bool commit_collect(struct commit *commit, struct config *next, const char *by, struct text *out);
bool commit_check(struct commit *commit, struct text *out);
bool commit_make(struct commit *commit, const struct commit_order *order, struct text *out);
bool commit_rollback(struct commit *commit, unsigned number, const char *by, struct text *out);
bool commit_clear(struct commit *commit, struct text *out);

/* One is live that nobody has confirmed yet; that, and how long there is, goes to *out. */
bool commit_is_unconfirmed(const struct commit *commit, struct text *out);
uint64_t commit_left_ms(const struct commit *commit);

/* On the standby: what the active has; NULL: it has none.  `entry` is not taken. 0 or -errno. */
int commit_follow_candidate(
    struct commit *commit, const struct store_entry *entry, struct text *refused);
int commit_follow_confirm(struct commit *commit, const struct store_entry *entry);

/* Takes back what was not confirmed, when it is time. */
void commit_tick(struct commit *commit, uint64_t now_ms);

#endif
