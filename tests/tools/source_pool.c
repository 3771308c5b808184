#include "tests/tools/source_pool.h"

#include "tests/tools/loop.h"
#include "tests/tools/source_scripts.h"
#include "tests/tools/source_session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPAWN_HURRY 100u /* a backlog holds as many */
#define SPAWN_US    2000u
#define SPAWN_MOST  2u /* sessions opened at once: no burst that would count as silence */

struct source_options source_options;
struct source_figures source_figures;

static struct {
	unsigned wanted, alive, opened;
	struct address target;
} pool[PHASES];

static struct loop_timer spawn_timer;
static uint32_t next_number;
static uint64_t messages_left, next_due_us, failed_before;
static bool running, paused;

bool
source_pool_want(const char *name, unsigned count, const struct address *target)
{
	for (unsigned phase = 0; phase < PHASES; phase++) {
		if (strcmp(source_phase_name(phase), name) != 0)
			continue;
		pool[phase].wanted = count;
		pool[phase].target = *target;
		return true;
	}
	return false;
}

const struct address *
source_pool_target(unsigned phase)
{
	return &pool[phase].target;
}

bool
source_pool_running(void)
{
	return running;
}

bool
source_pool_message(void)
{
	if (!running || messages_left == 0)
		return false;
	if (messages_left != UINT64_MAX)
		messages_left--;
	return true;
}

uint64_t
source_pool_due(void)
{
	uint64_t due;

	if (source_options.rate == 0)
		return 0;
	if (next_due_us < loop_now())
		next_due_us = loop_now();
	due = next_due_us;
	next_due_us += 1000000u / source_options.rate;
	return due;
}

static void
session_spawn(unsigned phase)
{
	pool[phase].alive++;
	source_figures.sessions++;
	source_figures.open++;
	source_session_open(phase, pool[phase].opened++, next_number++);
}

static void
spawn_expired(struct loop_timer *timer)
{
	unsigned budget = source_options.hurry ? SPAWN_HURRY : SPAWN_MOST;

	if (!running)
		return;
	loop_timer_set(timer, loop_now() + SPAWN_US);
	if (paused)
		return;
	/* While sessions fail, new ones are not worth much: slowly then. */
	if (source_figures.failed > failed_before)
		budget = 1;
	failed_before = source_figures.failed;
	for (unsigned phase = 0; phase < PHASES; phase++)
		while (pool[phase].alive < pool[phase].wanted && budget > 0) {
			if (phase == PHASE_LOAD && !source_pool_message())
				break;
			session_spawn(phase);
			budget--;
		}
}

void
source_pool_ended(unsigned phase)
{
	pool[phase].alive--;
	source_figures.open--;
}

void
source_pool_start(void)
{
	running = true;
	messages_left = source_options.messages;
	pool[PHASE_LOAD].wanted = messages_left > 0 ? source_options.connections : 0;
	pool[PHASE_LOAD].target = source_options.target;
	spawn_timer.expired = spawn_expired;
	spawn_expired(&spawn_timer);
}

void
source_pool_stop(void)
{
	running = false;
	loop_timer_clear(&spawn_timer);
}

void
source_pool_pause(bool pause)
{
	paused = pause;
}

bool
source_pool_idle(void)
{
	if (source_sessions != NULL)
		return false;
	if (!running)
		return true;
	for (unsigned phase = 0; phase < PHASES; phase++)
		if (pool[phase].wanted > 0 && (phase != PHASE_LOAD || messages_left > 0))
			return false;
	return true;
}

void
source_pool_status(void)
{
	unsigned held[PHASES] = {0}, doomed = 0, new = 0;

	for (struct source_session *s = source_sessions; s != NULL; s = s->next) {
		held[s->phase] += source_session_holds(s);
		doomed += s->doomed;
		new += !s->served && !s->established;
	}
	printf("{\"now\": %" PRIu64 ", \"open\": %" PRIu64 ", \"done\": %" PRIu64
	       ", \"failed\": %" PRIu64 ", \"given\": %" PRIu64 ", \"unserved\": %" PRIu64
	       ", \"doomed\": %u, \"new\": %u, \"phases\": {",
	    loop_clock(), source_figures.open, source_figures.done, source_figures.failed,
	    source_figures.given, source_figures.unserved, doomed, new);
	for (unsigned phase = 0, first = 1; phase < PHASES; phase++)
		if (pool[phase].wanted > 0) {
			printf("%s\"%s\": %u", first ? "" : ", ", source_phase_name(phase),
			    phase == PHASE_LOAD ? pool[phase].alive : held[phase]);
			first = 0;
		}
	printf("}}\n");
}

static bool
session_is_of(const struct source_session *session, const char *phase)
{
	if ((session->step->until & STEP_LENIENT) != 0)
		return false; /* it is for the server to end it */
	if (strcmp(phase, "all") == 0)
		return true;
	if (strcmp(phase, "own") == 0)
		return (session->step->until & STEP_SERVER) == 0;
	return strcmp(phase, source_phase_name(session->phase)) == 0;
}

unsigned
source_pool_go(const char *phase, unsigned step)
{
	struct source_session *session = source_sessions, *next;
	unsigned count = 0, seen[PHASES] = {0};

	for (; session != NULL; session = next) {
		next = session->next;
		if (!source_session_holds(session) || !session_is_of(session, phase) ||
		    seen[session->phase]++ % step != 0)
			continue;
		count++;
		source_session_release(session);
	}
	return count;
}

unsigned
source_pool_reset(unsigned per_mille)
{
	struct source_session *session = source_sessions, *next;
	unsigned count = 0;

	for (; session != NULL; session = next) {
		next = session->next;
		if (session->phase != PHASE_RESET_CLIENT || !source_session_holds(session) ||
		    session->number * 7919u % 1000 >= per_mille)
			continue;
		count++;
		source_session_reset(session);
	}
	return count;
}

void
source_pool_urgent(void)
{
	for (struct source_session *s = source_sessions; s != NULL; s = s->next)
		source_session_urgent(s);
}

void
source_pool_establish(void)
{
	for (struct source_session *s = source_sessions; s != NULL; s = s->next)
		s->established |= source_session_holds(s);
}

unsigned
source_pool_doom(char *ports)
{
	static bool doomed[UINT16_MAX + 1];
	unsigned count = 0;
	char *save = NULL;

	memset(doomed, 0, sizeof(doomed));
	for (char *port = strtok_r(ports, ",", &save); port != NULL;
	     port = strtok_r(NULL, ",", &save))
		doomed[strtoul(port, NULL, 10) & UINT16_MAX] = true;
	/* At once: who has sent something waits for this process too. */
	for (struct source_session *s = source_sessions; s != NULL; s = s->next) {
		s->doomed |= doomed[source_session_port(s)];
		count += s->doomed;
	}
	return count;
}

void
source_pool_waiting(uint64_t ms)
{
	uint64_t now = loop_clock();
	const char *comma = "";

	printf("{\"waiting\": [");
	for (const struct source_session *s = source_sessions; s != NULL; s = s->next) {
		if (s->waiting_us == 0 || now - s->waiting_us < ms * 1000)
			continue;
		printf("%s{\"port\": %u, \"phase\": \"%s\", \"step\": \"%s\", \"ms\": %" PRIu64 "}",
		    comma, source_session_port(s), source_phase_name(s->phase), s->step->name,
		    (now - s->waiting_us) / 1000);
		comma = ", ";
	}
	printf("]}\n");
}

void
source_pool_mark(bool keep)
{
	for (struct source_session *s = source_sessions; s != NULL; s = s->next)
		source_session_mark(s);
	if (keep) {
		histogram_merge(&source_figures.silence_all, &source_figures.silence);
		histogram_merge(&source_figures.greeting_all, &source_figures.greeting);
	}
	histogram_clear(&source_figures.silence);
	histogram_clear(&source_figures.greeting);
}

static void
quantiles_print(const char *name, const struct histogram *histogram)
{
	printf(", \"%s\": {\"count\": %" PRIu64 ", \"p50\": %" PRIu64 ", \"p99\": %" PRIu64
	       ", \"max\": %" PRIu64 "}",
	    name, histogram->count, histogram_quantile(histogram, 500),
	    histogram_quantile(histogram, 990), histogram->max);
}

void
source_pool_figures(void)
{
	const struct source_figures *f = &source_figures;

	printf("{\"sessions\": %" PRIu64 ", \"done\": %" PRIu64 ", \"failed\": %" PRIu64
	       ", \"broken_off\": %" PRIu64 ", \"messages\": %" PRIu64 ", \"given\": %" PRIu64
	       ", \"refused\": %" PRIu64 ", \"unknown\": %" PRIu64 ", \"one_way\": %" PRIu64
	       ", \"unsent\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"unserved\": %" PRIu64
	       ", \"doomed\": %" PRIu64 ", \"doomed_reset\": %" PRIu64,
	    f->sessions, f->done, f->failed, f->broken_off, f->begun, f->given, f->refused,
	    f->unknown, f->one_way, f->unsent, f->bytes, f->unserved, f->doomed, f->doomed_reset);
	quantiles_print("command_us", &f->command);
	quantiles_print("message_us", &f->message);
	quantiles_print("silence_us", &f->silence);
	quantiles_print("silence_all_us", &f->silence_all);
	quantiles_print("greeting_us", &f->greeting);
	quantiles_print("greeting_all_us", &f->greeting_all);
	printf("}\n");
}
