#include "daemon/manager/running.h"

#include "daemon/manager/config_lines.h"
#include "daemon/manager/event_note.h"
#include "daemon/manager/policy_place.h"
#include "daemon/manager/present.h"
#include "daemon/manager/running_load.h"
#include "daemon/manager/store.h"
#include "shm/failpoint.h"
#include "shm/gateway_clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define INSTANCE_SHIFT 32

uint64_t
running_instance(const struct running *running)
{
	return running->sequence >> INSTANCE_SHIFT;
}

/* Asks the supervisor to hold the compiled listeners. -errno; *ret_detail: the entry at fault. */
static int
apply(struct running *running, uint32_t *ret_detail)
{
	uint32_t old;
	uint64_t newest = policy_place_newest(running->shm, &old);
	uint64_t sequence = (newest > running->sequence ? newest : running->sequence) + 1;
	uint32_t table =
	    policy_place_listeners(running->shm, &running->compiled->listeners, sequence);
	uint64_t argument[4] = {table};
	FAILPOINT(change_listed);
	int result =
	    supervisor_link_ask(running->link, REQUEST_APPLY_LISTENERS, argument, ret_detail);

	if (result < 0) {
		/* Without an answer it may hold all the same: its images stay in use. */
		if (!running->link->lost)
			policy_place_retire(running->shm, table);
		return result;
	}
	FAILPOINT(change_applied);
	if (newest != 0)
		policy_place_retire(running->shm, old);
	running->sequence = sequence;
	return 0;
}

bool
running_check(struct running *running, const struct config *config, struct text *why)
{
	if (config_compile(config, running->compiled))
		return true;
	for (unsigned i = 0; i < running->compiled->errors && i < COMPILE_ERRORS_MAX; i++)
		text_printf(why, "%s%.*s", i == 0 ? "" : "\n",
		    (int)sizeof(running->compiled->error[i]), running->compiled->error[i]);
	return false;
}

static bool
compile_and_place(struct running *running, const struct config *config, struct text *why)
{
	if (!running_check(running, config, why))
		return false;
	int result = policy_place(running->shm, running->compiled,
	    running->pair != NULL ? running->pair->policies.placed : 0);
	if (result == -ENOSPC)
		text_printf(
		    why, "sessions still use all %u policies; try again later", POLICY_SLOTS);
	else if (result < 0)
		text_printf(why, "the compiled configuration does not hold: %s", strerror(-result));
	return result == 0;
}

/* Notes what is running, so that the death of this process loses no change. */
static void
keep(const struct running *running, struct text *why)
{
	struct lines lines;
	int result = -EFBIG;

	lines_init(&lines);
	if (config_lines(&lines, running->config, NULL, false))
		result = store_keep_running(running->directory, &lines, running->sequence);
	lines_free(&lines);
	if (result < 0)
		text_printf(why,
		    "WARNING: the change holds, but would be lost with the manager: %s: %s",
		    STORE_RUNNING, strerror(-result));
}

static bool
has_failed_before(const struct running *running, const struct shm_endpoint *listen)
{
	for (unsigned i = 0; i < running->failed; i++)
		if (memcmp(&running->failed_listen[i], listen, sizeof(*listen)) == 0)
			return true;
	return false;
}

static void
note_listener_failed(const struct running *running, const struct shm_endpoint *listen, int error)
{
	char address[PRESENT_ENDPOINT_MAX];

	present_endpoint(listen, address);
	event_note(running->shm, EVENT_NOTE_LISTENER_FAILED, 0, address, strerror(-error), NULL);
}

/* Errors of the table as a whole, or of the supervisor's state: no entry is at fault. */
static bool
blames_entry(const struct running *running, int error, uint32_t detail)
{
	return !running->link->lost && error != -EPROTO && error != -ESHUTDOWN &&
	       detail < running->compiled->listeners.count;
}

static void
explain_listener(const struct running *running, int error, uint32_t detail, struct text *why)
{
	char address[PRESENT_ENDPOINT_MAX];

	if (running->link->lost) {
		text_add_string(why, "the supervisor did not answer");
	} else if (blames_entry(running, error, detail)) {
		present_endpoint(&running->compiled->listeners.entry[detail].listen, address);
		text_printf(why, "static: cannot listen on %s: %s", address, strerror(-error));
	} else {
		text_printf(why, "the supervisor refused the listeners: %s", strerror(-error));
	}
}

/*
 * Applies the table.  An entry that fails is left out and the rest tried again, if every failure is
 * borne (start), or if it has failed before: a static that waits for its address must not keep
 * others from being changed.
 */
static int
apply_what_works(struct running *running, bool bear_all, uint32_t *ret_detail)
{
	struct listener_table *table = &running->compiled->listeners;
	struct shm_endpoint failed[LISTENERS_MAX];
	unsigned count = 0;
	int result;

	while ((result = apply(running, ret_detail)) < 0) {
		uint32_t at = *ret_detail;

		if (!blames_entry(running, result, at) || count == LISTENERS_MAX)
			return result;
		const struct shm_endpoint *listen = &table->entry[at].listen;
		bool known = has_failed_before(running, listen);
		if (!known && !bear_all)
			return result;
		if (!known)
			note_listener_failed(running, listen, result);
		failed[count++] = *listen;
		memmove(&table->entry[at], &table->entry[at + 1],
		    (table->count - at - 1) * sizeof(table->entry[0]));
		table->count--;
	}
	running->failed = count;
	memcpy(running->failed_listen, failed, count * sizeof(failed[0]));
	return 0;
}

/* What the standby was shown is not what holds. */
static bool
stay(const struct running *running)
{
	if (running->pair != NULL)
		pair_config_tell(running->pair, running->config);
	return false;
}

static bool
change(struct running *running, struct config *next, bool bear_all, struct text *why)
{
	uint32_t detail = UINT32_MAX;

	if (!compile_and_place(running, next, why))
		return false;
	FAILPOINT(change_placed);
	if (running->pair != NULL && !pair_config_ask(running->pair, next, why))
		return stay(running);
	int result = apply_what_works(running, bear_all, &detail);
	if (result < 0) {
		explain_listener(running, result, detail, why);
		return stay(running);
	}
	if (running->pair != NULL)
		pair_config_holds(running->pair, running->config, next);
	config_free(running->config);
	running->config = next;
	FAILPOINT(change_taken);
	keep(running, why);
	return true;
}

bool
running_change(struct running *running, struct config *next, struct text *why)
{
	return change(running, next, false, why);
}

bool
running_follow(struct running *running, struct config *next, bool is_live, struct text *why)
{
	return change(running, next, is_live, why);
}

bool
running_go_back(struct running *running, struct config *next, struct text *why)
{
	return change(running, next, true, why);
}

void
running_tick(struct running *running, uint64_t now_ms)
{
	struct text why;
	uint32_t detail;

	if (running->failed == 0 || now_ms < running->retry_ms)
		return;
	running->retry_ms = now_ms + RUNNING_RETRY_MS;
	text_init(&why, 4096);
	if (compile_and_place(running, running->config, &why))
		apply_what_works(running, true, &detail);
	text_free(&why);
}

static int
choose_instance(struct running *running)
{
	uint32_t newest;
	uint32_t random = 0;
	uint64_t sequence = policy_place_newest(running->shm, &newest);

	/* One bit is set for certain: the upper half of a sequence in use is never 0. */
	if (sequence == 0 && getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	running->sequence =
	    sequence != 0 ? sequence : (uint64_t)(random | 0x80000000u) << INSTANCE_SHIFT;
	return 0;
}

/* No usable configuration: said loudly.  What listens goes on; at a first start nothing does. */
static int
start_without(struct running *running, bool fresh, const struct text *why)
{
	uint32_t detail;

	event_note(running->shm, EVENT_NOTE_CONFIG_UNUSABLE, 0, text_string(why), NULL, NULL);
	if (!fresh)
		return 0;
	running->compiled->listeners.count = 0;
	return apply(running, &detail);
}

static int
start(struct running *running, bool fresh)
{
	uint32_t detail = UINT32_MAX;
	struct text why;
	int result;

	text_init(&why, 4096);
	if (!compile_and_place(running, running->config, &why)) {
		result = start_without(running, fresh, &why);
	} else {
		result = apply_what_works(running, true, &detail);
		if (result < 0 && !running->link->lost) {
			explain_listener(running, result, detail, &why);
			result = start_without(running, fresh, &why);
		}
	}
	text_clear(&why);
	if (result == 0)
		keep(running, &why);
	text_free(&why);
	running->retry_ms = monotonic_now_ms() + RUNNING_RETRY_MS;
	return result;
}

int
running_open(
    struct running *running, const struct shm *shm, struct supervisor_link *link, int directory)
{
	*running = (struct running){.shm = shm, .link = link, .directory = directory};
	running->compiled = malloc(sizeof(*running->compiled));
	if (running->compiled == NULL)
		return -ENOMEM;
	int result = choose_instance(running);
	if (result == 0) {
		bool fresh = (running->sequence & UINT32_MAX) == 0;
		running->config =
		    running_load(shm, directory, fresh ? 0 : running_instance(running));
		result = running->config == NULL ? -ENOMEM : start(running, fresh);
	}
	if (result < 0)
		running_close(running);
	return result;
}

void
running_close(struct running *running)
{
	if (running->config != NULL)
		config_free(running->config);
	running->config = NULL;
	free(running->compiled);
	running->compiled = NULL;
}
