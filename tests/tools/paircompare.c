/*
 * paircompare --control ACTIVE STANDBY -- does the standby hold what the active has committed?
 *
 * Each is the control socket of that host.  Answers with a line of JSON when it is connected to both; then to
 * each command with another one, while everything goes on.
 *
 * compare SECONDS: of each session that the active has then, its digest (`show failover digest`) is compared
 * with that of the standby at an instant at which both have the same record.
 *
 *	sessions   that the active had
 *	equal	   of these, were compared, and are the same
 *	differ	   of these, are not; which, and by what, is told on standard error
 *	ended	   of these, were over before
 *	behind	   of these, were never found with the same record in that time
 *
 * counters: the active's are read, LAG_MS later the standby's, then the active's again.  What the standby
 * has must lie between the two, and be no less than it was, unless it was told everything anew.
 *
 *	counters   that either host has
 *	equal	   of these, are what the active has had last
 *	behind	   of these, are less than the active had LAG_MS before; which, on standard error; likewise:
 *	ahead	   of these, are more than the active has ever had
 *	back	   of these, are less than they were
 */
#include "tests/tools/control_peer.h"

#include <err.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#define LOOK_MS	  1u
#define SETTLE_MS 1000u /* connections are told apart from records, and later */
#define LAG_MS	  1000u /* counters are told ten times a second */

enum result { PENDING, EQUAL, DIFFER, ENDED };

struct watched {
	json_int_t slot;
	char session[17];
	uint64_t differs_ms; /* since then, by its connections alone; 0: it does not */
	enum result result;
};

static struct control_peer *active, *standby;
static struct watched *watched;
static size_t watched_count;
static json_t *told; /* the standby's counters as they were seen last */

static uint64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void
pause_ms(unsigned ms)
{
	const struct timespec pause = {ms / 1000, (long)(ms % 1000) * 1000000};

	nanosleep(&pause, NULL);
}

static json_int_t
number(const json_t *of, const char *key)
{
	return json_integer_value(json_object_get(of, key));
}

static const char *
string(const json_t *of, const char *key)
{
	const char *text = json_string_value(json_object_get(of, key));

	return text == NULL ? "" : text;
}

static bool
same(const json_t *one, const json_t *other, const char *key)
{
	const json_t *had = json_object_get(one, key);

	return had != NULL && json_equal(had, json_object_get(other, key));
}

/* ---- sessions ---- */

static void
watch(const json_t *session)
{
	watched = reallocarray(watched, watched_count + 1, sizeof(*watched));
	if (watched == NULL)
		err(EX_OSERR, "memory");
	struct watched *of = &watched[watched_count++];
	*of = (struct watched){.slot = number(session, "slot")};
	snprintf(of->session, sizeof(of->session), "%s", string(session, "session"));
}

/* All that the active has now. */
static void
watch_all(void)
{
	json_int_t next = 0;

	watched_count = 0;
	do {
		char line[64];
		json_t *answer, *session;
		size_t i;

		snprintf(line, sizeof(line), "show failover digest %" JSON_INTEGER_FORMAT, next);
		answer = control_peer_ask(active, line);
		json_array_foreach(json_object_get(answer, "sessions"), i, session) watch(session);
		next = number(answer, "next");
		json_decref(answer);
	} while (next != 0);
}

/* NULL: it is not there.  from: of the active's answer; NULL: where it is needed. */
static json_t *
ask_one(struct control_peer *peer, const struct watched *of, const json_t *from)
{
	char line[160];
	json_t *answer, *session;
	json_int_t at[4] = {0};

	for (size_t i = 0; i < 4; i++)
		at[i] = json_integer_value(json_array_get(json_object_get(from, "from"), i));
	snprintf(line, sizeof(line),
	    "show failover digest %" JSON_INTEGER_FORMAT " %" JSON_INTEGER_FORMAT
	    " %" JSON_INTEGER_FORMAT " %" JSON_INTEGER_FORMAT " %" JSON_INTEGER_FORMAT,
	    of->slot, at[0], at[1], at[2], at[3]);
	answer = control_peer_ask(peer, line);
	session = json_incref(json_array_get(json_object_get(answer, "sessions"), 0));
	json_decref(answer);
	return session;
}

static bool
begins_before(const json_t *one, const json_t *other)
{
	const json_t *had = json_object_get(one, "from"), *has = json_object_get(other, "from");

	for (size_t i = 0; i < 4; i++)
		if (json_integer_value(json_array_get(had, i)) <
		    json_integer_value(json_array_get(has, i)))
			return true;
	return false;
}

/* What is told in one entry with the record. */
static const char *
find_difference(const json_t *one, const json_t *other)
{
	if (!same(one, other, "generation"))
		return "generation";
	if (!same(one, other, "state"))
		return "state";
	if (!same(one, other, "end"))
		return "end of bytes";
	if (begins_before(one, other))
		return "beginning of bytes";
	return same(one, other, "bytes") ? NULL : "bytes";
}

static enum result
differ(const struct watched *of, const json_t *had, const char *what)
{
	fprintf(stderr,
	    "session %s in slot %" JSON_INTEGER_FORMAT ", record %" JSON_INTEGER_FORMAT ": %s\n",
	    of->session, of->slot, number(had, "record"), what);
	return DIFFER;
}

static enum result
compare_both(struct watched *of, const json_t *one, const json_t *other)
{
	const char *what;

	if (other == NULL || strcmp(string(other, "session"), of->session) != 0 ||
	    !json_is_true(json_object_get(other, "digest")) || !same(one, other, "record"))
		return PENDING;
	what = find_difference(one, other);
	if (what != NULL)
		return differ(of, one, what);
	if (same(one, other, "identity") && same(one, other, "legs"))
		return EQUAL;
	if (of->differs_ms == 0)
		of->differs_ms = now_ms();
	return now_ms() - of->differs_ms < SETTLE_MS ? PENDING : differ(of, one, "connections");
}

static enum result
look(struct watched *of)
{
	enum result result = PENDING;
	json_t *one = ask_one(active, of, NULL), *other;

	if (one == NULL || strcmp(string(one, "session"), of->session) != 0) {
		result = ENDED;
	} else if (json_is_true(json_object_get(one, "digest"))) {
		other = ask_one(standby, of, one);
		result = compare_both(of, one, other);
		json_decref(other);
	}
	json_decref(one);
	return result;
}

static size_t
look_at_all(void)
{
	size_t pending = 0;

	for (size_t i = 0; i < watched_count; i++) {
		if (watched[i].result == PENDING)
			watched[i].result = look(&watched[i]);
		pending += watched[i].result == PENDING;
	}
	return pending;
}

static void
compare(const char *seconds)
{
	uint64_t end_ms = now_ms() + strtoull(seconds, NULL, 10) * 1000;
	size_t count[ENDED + 1] = {0};

	watch_all();
	while (look_at_all() > 0 && now_ms() < end_ms)
		pause_ms(LOOK_MS);
	for (size_t i = 0; i < watched_count; i++)
		count[watched[i].result]++;
	printf("{\"sessions\": %zu, \"equal\": %zu, \"differ\": %zu, \"ended\": %zu, \"behind\": "
	       "%zu}\n",
	    watched_count, count[EQUAL], count[DIFFER], count[ENDED], count[PENDING]);
}

/* ---- counters ---- */

/* The active's that are told: gauges are each host's own. */
static json_t *
ask_active(void)
{
	json_t *answer = control_peer_ask(active, "show counters");
	json_t *counters = json_incref(json_object_get(answer, "counters"));

	if (json_object_update(counters, json_object_get(answer, "rules")) < 0)
		errx(EX_PROTOCOL, "the active's counters are no object");
	json_decref(answer);
	return counters;
}

struct counted {
	size_t counters, equal, behind, ahead, back;
};

static bool
is_wrong(const char *name, const char *what, json_int_t value, json_int_t bound)
{
	fprintf(stderr,
	    "counter %s: %s: %" JSON_INTEGER_FORMAT " instead of %" JSON_INTEGER_FORMAT "\n", name,
	    what, value, bound);
	return true;
}

static void
judge(const char *name, const json_t *before, const json_t *has, const json_t *after,
    struct counted *counted)
{
	json_int_t value = number(json_object_get(has, "counters"), name);
	json_int_t least = number(before, name), most = number(after, name);
	json_int_t was = told != NULL && same(told, has, "log")
			     ? number(json_object_get(told, "counters"), name)
			     : 0;

	counted->counters++;
	counted->equal += value == most;
	counted->behind += value < least && is_wrong(name, "behind", value, least);
	counted->ahead += value > most && is_wrong(name, "ahead", value, most);
	counted->back += value < was && is_wrong(name, "gone back", value, was);
}

static void
compare_counters(void)
{
	struct counted counted = {0};
	json_t *before = ask_active(), *has, *after;
	const char *name;
	json_t *value;

	pause_ms(LAG_MS);
	has = control_peer_ask(standby, "show counters peer");
	after = ask_active();
	json_object_foreach(after, name, value) judge(name, before, has, after, &counted);
	json_object_foreach(json_object_get(has, "counters"), name, value)
	{
		/* A policy that nobody uses any more goes from the active first. */
		if (json_object_get(after, name) == NULL && strncmp(name, "rule.", 5) != 0)
			judge(name, before, has, after, &counted);
	}
	json_decref(told);
	told = has;
	json_decref(before);
	json_decref(after);
	printf(
	    "{\"counters\": %zu, \"equal\": %zu, \"behind\": %zu, \"ahead\": %zu, \"back\": %zu}\n",
	    counted.counters, counted.equal, counted.behind, counted.ahead, counted.back);
}

int
main(int argc, char **argv)
{
	static const char sessions[] = "compare ";
	char *line = NULL;
	size_t room = 0;

	if (argc != 4 || strcmp(argv[1], "--control") != 0)
		errx(EX_USAGE, "usage: paircompare --control ACTIVE STANDBY");
	active = control_peer_open(argv[2]);
	standby = control_peer_open(argv[3]);
	printf("{}\n");
	fflush(stdout);
	while (getline(&line, &room, stdin) > 0) {
		if (strncmp(line, sessions, sizeof(sessions) - 1) == 0)
			compare(line + sizeof(sessions) - 1);
		else if (strcmp(line, "counters\n") == 0)
			compare_counters();
		else
			break;
		fflush(stdout);
	}
	free(line);
	free(watched);
	json_decref(told);
	control_peer_close(active);
	control_peer_close(standby);
	return 0;
}
