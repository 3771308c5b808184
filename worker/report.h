/*
 * report -- what a session tells the outside: events, trail notes, counters, its closing entry
 *
 * What the core says in the steps of one commit is gathered here and let out only when that commit
 * is published; a draft that is forgotten takes its events with it.
 */
#ifndef WORKER_REPORT_H
#define WORKER_REPORT_H

#include "shm/event_ring.h"
#include "shm/trail.h"
#include "worker/inspect/inspect.h"

#include <stdint.h>

#define REPORT_EVENTS 120u
#define REPORT_NOTES  32u

struct report_tally {
	uint32_t steps;
	uint32_t commands;
	uint32_t replies;
	uint32_t messages;
	uint32_t messages_accepted;
	uint32_t refusals;
	uint32_t banners_masked;
	uint32_t ehlo_removed;
	uint32_t drops;
	uint32_t resets;
	uint32_t tls_started;
	uint32_t timeouts;
	uint32_t early_talkers;
	uint32_t pipelining;
};

struct report {
	struct report_tally tally;
	uint64_t rules;			  /* bit = rule with hits */
	uint32_t hits[INSPECT_RULES_MAX]; /* of the rules with a bit */
	unsigned event_count;
	unsigned note_count;
	struct event event[REPORT_EVENTS];
	struct trail_note note[REPORT_NOTES];
};

struct worker;
struct session;
struct record;

void report_begin(struct report *report);
/* True: another step's output might not fit; commit first. */
bool report_is_full(const struct report *report);
/* Gathers the output of one step. */
void report_gather(
    struct worker *worker, const struct session *session, const struct inspect_output *output);
/* Lets out what was gathered: the commit is published. */
void report_release(struct worker *worker, const struct session *session);

/* 302013 and the counter of opened sessions. */
void report_opened(struct worker *worker, const struct session *session);
/* 109005: the server leg failed with this errno. */
void report_connect_failed(struct worker *worker, const struct session *session, int error);
/* 109013 and its counter. */
void report_invalid(struct worker *worker, const struct session *session);
/* 109034: sessions were ended for want of chunks. */
void report_shed(struct worker *worker, uint32_t sessions);
/* 302014, the entry among the closed sessions, the counter. */
void report_closed(
    struct worker *worker, const struct session *session, const struct record *record);

#endif
