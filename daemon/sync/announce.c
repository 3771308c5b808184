#include "daemon/sync/announce.h"

#include "shm/counters.h"
#include "shm/policy_area.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(COUNTER_RULE_NAME_SIZE <= SYNC_NAME_MAX + 1, "room for every name");

struct announced_policy {
	uint64_t generation;
	uint64_t rule[COUNTER_RULE_SLOTS];
};

struct announce {
	const struct shm *shm;
	struct channel *channel;
	uint64_t value[COUNTER_COUNT];
	struct announced_policy policy[POLICY_SLOTS];

	/* The entry in the making. */
	uint64_t now_us;
	enum outgoing_result result;
	uint32_t count;
	struct sync_counter counter[SYNC_COUNTERS_MAX];
	char name[SYNC_COUNTERS_MAX][SYNC_NAME_MAX + 1];
};

struct announce *
announce_create(const struct shm *shm, struct channel *channel)
{
	struct announce *announce = calloc(1, sizeof(*announce));

	if (announce == NULL)
		return NULL;
	announce->shm = shm;
	announce->channel = channel;
	return announce;
}

void
announce_destroy(struct announce *announce)
{
	free(announce);
}

void
announce_begin(struct announce *announce)
{
	memset(announce->value, 0, sizeof(announce->value));
	memset(announce->policy, 0, sizeof(announce->policy));
}

static void
flush(struct announce *announce)
{
	struct sync_entry entry = {
	    .kind = SYNC_ENTRY_COUNTERS,
	    .counters = {announce->count, announce->counter},
	};

	if (announce->count > 0 && announce->result == OUTGOING_TAKEN)
		announce->result = channel_append(announce->channel, announce->now_us, &entry);
	announce->count = 0;
}

/* Where the name of the next one is to be written. */
static char *
next_name(struct announce *announce)
{
	if (announce->count == SYNC_COUNTERS_MAX)
		flush(announce);
	return announce->name[announce->count];
}

static void
add(struct announce *announce, char *name, uint64_t value)
{
	announce->counter[announce->count++] = (struct sync_counter){name, value};
}

static void
add_named(struct announce *announce)
{
	for (unsigned id = 0; id < COUNTER_COUNT; id++) {
		uint64_t value = counter_total(announce->shm, (enum counter_id)id);

		if (counter_is_gauge((enum counter_id)id) || value == announce->value[id])
			continue;
		announce->value[id] = value;
		char *name = next_name(announce);
		snprintf(name, SYNC_NAME_MAX + 1, "%s", counter_name((enum counter_id)id));
		add(announce, name, value);
	}
}

static void
add_policy(struct announce *announce, uint32_t slot, uint64_t generation)
{
	struct announced_policy *policy = &announce->policy[slot];

	if (policy->generation != generation)
		*policy = (struct announced_policy){.generation = generation};
	for (uint32_t rule = 0; rule < COUNTER_RULE_SLOTS; rule++) {
		uint64_t value = counter_total_rule(announce->shm, slot, rule);

		if (value == policy->rule[rule])
			continue;
		policy->rule[rule] = value;
		char *name = next_name(announce);
		counter_rule_name(generation, rule, name);
		add(announce, name, value);
	}
}

static void
add_rules(struct announce *announce)
{
	const struct policy_area *area = shm_policy(announce->shm);

	for (uint32_t slot = 0; slot < POLICY_SLOTS; slot++) {
		uint64_t generation;

		if (atomic_load_explicit(&area->slot[slot].state, memory_order_acquire) !=
		    POLICY_READY)
			continue;
		memcpy(&generation, area->slot[slot].generation, sizeof(generation));
		add_policy(announce, slot, generation);
	}
}

enum outgoing_result
announce_counters(struct announce *announce, uint64_t now_us)
{
	if (!outgoing_is_open(channel_outgoing(announce->channel)))
		return OUTGOING_NO_LOG;
	announce->now_us = now_us;
	announce->result = OUTGOING_TAKEN;
	add_named(announce);
	add_rules(announce);
	flush(announce);
	return announce->result;
}

enum outgoing_result
announce_text(struct announce *announce, uint64_t now_us, const struct sync_text *text)
{
	struct sync_entry entry = {.kind = SYNC_ENTRY_TEXT, .text = *text};
	enum outgoing_result result;
	size_t offset = 0;

	if (text->part.length != text->total)
		return OUTGOING_BAD_ENTRY;
	do {
		size_t left = text->part.length - offset;

		entry.text.offset = (uint32_t)offset;
		entry.text.part.length = left < SYNC_TEXT_PART_MAX ? left : SYNC_TEXT_PART_MAX;
		entry.text.part.data = left > 0 ? text->part.data + offset : NULL;
		result = channel_append(announce->channel, now_us, &entry);
		offset += entry.text.part.length;
	} while (result == OUTGOING_TAKEN && offset < text->part.length);
	return result;
}
