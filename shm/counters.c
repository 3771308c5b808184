#include "shm/counters.h"

#include <inttypes.h>
#include <stdio.h>

enum counter_kind { KIND_COUNTER, KIND_GAUGE };

struct counter_description {
	const char *name;
	const char *help;
	enum counter_kind kind;
};

static const struct counter_description descriptions[COUNTER_COUNT] = {
#define COUNTER(name, kind, help) [COUNTER_##name] = {#name, help, KIND_##kind},
#include "shm/counters.def"
#undef COUNTER
};

const char *
counter_name(enum counter_id id)
{
	return (unsigned)id < COUNTER_COUNT ? descriptions[id].name : NULL;
}

void
counter_rule_name(uint64_t generation, uint32_t rule, char ret_name[COUNTER_RULE_NAME_SIZE])
{
	snprintf(
	    ret_name, COUNTER_RULE_NAME_SIZE, "rule.%016" PRIx64 ".%" PRIu32, generation, rule);
}

const char *
counter_help(enum counter_id id)
{
	return (unsigned)id < COUNTER_COUNT ? descriptions[id].help : NULL;
}

bool
counter_is_gauge(enum counter_id id)
{
	return (unsigned)id < COUNTER_COUNT && descriptions[id].kind == KIND_GAUGE;
}

void
counter_set(struct counter_block *block, enum counter_id id, uint64_t value)
{
	if ((unsigned)id < COUNTER_COUNT)
		atomic_store_explicit(&block->value[id], value, memory_order_relaxed);
}

void
counter_add_rule(struct counter_block *block, uint32_t policy_slot, uint32_t rule, uint64_t n)
{
	_Atomic uint64_t *value;

	if (policy_slot >= POLICY_SLOTS || rule >= COUNTER_RULE_SLOTS)
		return;
	value = &block->rule[policy_slot][rule];
	atomic_store_explicit(
	    value, atomic_load_explicit(value, memory_order_relaxed) + n, memory_order_relaxed);
}

uint64_t
counter_total(const struct shm *shm, enum counter_id id)
{
	uint64_t total = 0;

	if ((unsigned)id >= COUNTER_COUNT)
		return 0;
	for (uint32_t writer = 0; writer < SHM_WRITERS_MAX; writer++) {
		const struct counter_block *block = shm_counters(shm, writer);

		if (block != NULL)
			total += atomic_load_explicit(&block->value[id], memory_order_relaxed);
	}
	return total;
}

uint64_t
counter_total_rule(const struct shm *shm, uint32_t policy_slot, uint32_t rule)
{
	uint64_t total = 0;

	if (policy_slot >= POLICY_SLOTS || rule >= COUNTER_RULE_SLOTS)
		return 0;
	for (uint32_t writer = 0; writer < SHM_WRITERS_MAX; writer++) {
		const struct counter_block *block = shm_counters(shm, writer);

		if (block != NULL)
			total += atomic_load_explicit(
			    &block->rule[policy_slot][rule], memory_order_relaxed);
	}
	return total;
}
