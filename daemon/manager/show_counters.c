#include "daemon/manager/show_counters.h"

#include "daemon/manager/show_json.h"
#include "shm/counters.h"
#include "shm/peer_counters.h"
#include "shm/policy_area.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void
add_rules(const struct shm *shm, uint32_t slot, json_t *rules)
{
	const struct policy_slot *policy = &shm_policy(shm)->slot[slot];
	char name[COUNTER_RULE_NAME_SIZE];
	uint64_t generation;

	if (atomic_load_explicit(&policy->state, memory_order_acquire) != POLICY_READY)
		return;
	memcpy(&generation, policy->generation, sizeof(generation));
	for (uint32_t rule = 0; rule < COUNTER_RULE_SLOTS; rule++) {
		uint64_t value = counter_total_rule(shm, slot, rule);

		counter_rule_name(generation, rule, name);
		if (value != 0)
			json_object_set_new(rules, name, json_integer((json_int_t)value));
	}
}

static void
add_json(const struct shm *shm, struct text *out)
{
	json_t *counters = json_object();
	json_t *gauges = json_object();
	json_t *rules = json_object();

	for (unsigned i = 0; i < COUNTER_COUNT; i++)
		json_object_set_new(counter_is_gauge(i) ? gauges : counters, counter_name(i),
		    json_integer((json_int_t)counter_total(shm, i)));
	for (uint32_t slot = 0; slot < POLICY_SLOTS; slot++)
		add_rules(shm, slot, rules);
	show_json_finish(out,
	    json_pack("{s:o, s:o, s:o}", "counters", counters, "gauges", gauges, "rules", rules));
}

void
show_counters(const struct shm *shm, bool json, struct text *out)
{
	if (json) {
		add_json(shm, out);
		return;
	}
	for (unsigned i = 0; i < COUNTER_COUNT; i++)
		text_printf(out, "%-30s %20" PRIu64 "  %s\n", counter_name(i),
		    counter_total(shm, i), counter_help(i));
}

static void
add_peer_json(const struct peer_counters *peer, struct text *out)
{
	json_t *counters = json_object();

	/* The names are another host's: what is no text is left out. */
	for (uint32_t i = 0; i < peer->count; i++)
		json_object_set_new(counters, peer->counter[i].name,
		    json_integer((json_int_t)peer->counter[i].value));
	show_json_finish(out, json_pack("{s:I, s:I, s:o}", "log", (json_int_t)peer->log, "not_kept",
				  (json_int_t)peer->not_kept, "counters", counters));
}

void
show_counters_peer(const struct shm *shm, bool json, struct text *out)
{
	struct peer_counters *peer = malloc(sizeof(*peer));

	if (peer == NULL) {
		out->overflow = true;
		return;
	}
	peer_counters_read(shm_peer_counters(shm), peer);
	if (json)
		add_peer_json(peer, out);
	for (uint32_t i = 0; i < peer->count && !json; i++) {
		const struct peer_counter *counter = &peer->counter[i];

		text_add_escaped(out, counter->name, strlen(counter->name), PEER_COUNTERS_NAME);
		text_printf(out, " %" PRIu64 "\n", counter->value);
	}
	if (peer->not_kept > 0 && !json)
		text_printf(out, "For want of room not kept: %" PRIu64 "\n", peer->not_kept);
	free(peer);
}

void
counters_clear(const struct shm *shm)
{
	struct counter_block *block = shm_counters(shm, SHM_WRITER_MANAGER);

	for (unsigned i = 0; i < COUNTER_COUNT; i++)
		if (!counter_is_gauge(i))
			counter_add(block, i, 0 - counter_total(shm, i));
}

void
counters_clear_rules(const struct shm *shm)
{
	struct counter_block *block = shm_counters(shm, SHM_WRITER_MANAGER);

	for (uint32_t slot = 0; slot < POLICY_SLOTS; slot++)
		for (uint32_t rule = 0; rule < COUNTER_RULE_SLOTS; rule++)
			counter_add_rule(
			    block, slot, rule, 0 - counter_total_rule(shm, slot, rule));
}
