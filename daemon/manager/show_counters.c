#include "daemon/manager/show_counters.h"

#include "daemon/manager/show_json.h"
#include "shm/counters.h"

#include <inttypes.h>

static void
add_json(const struct shm *shm, struct text *out)
{
	json_t *counters = json_object();
	json_t *gauges = json_object();

	for (unsigned i = 0; i < COUNTER_COUNT; i++)
		json_object_set_new(counter_is_gauge(i) ? gauges : counters, counter_name(i),
		    json_integer((json_int_t)counter_total(shm, i)));
	show_json_finish(out, json_pack("{s:o, s:o}", "counters", counters, "gauges", gauges));
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
