#include "shm/counters.h"

#include <string.h>

struct counter_description {
	const char *name;
	const char *help;
	bool gauge;
};

#define KIND_COUNTER false
#define KIND_GAUGE   true

static const struct counter_description description[COUNTER_COUNT] = {
#define COUNTER(name, kind, help) [COUNTER_##name] = {#name, help, KIND_##kind},
#include "shm/counters.def"
#undef COUNTER
};

const char *
counter_name(enum counter_id id)
{
	return id < COUNTER_COUNT ? description[id].name : NULL;
}

const char *
counter_help(enum counter_id id)
{
	return id < COUNTER_COUNT ? description[id].help : NULL;
}

bool
counter_is_gauge(enum counter_id id)
{
	return id < COUNTER_COUNT && description[id].gauge;
}

void
counter_set(struct counter_block *block, enum counter_id id, uint64_t value)
{
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

	for (uint32_t writer = 0; writer < SHM_WRITERS_MAX; writer++)
		total += atomic_load_explicit(
		    &shm_counters(shm, writer)->value[id], memory_order_relaxed);
	return total;
}

uint64_t
counter_total_rule(const struct shm *shm, uint32_t policy_slot, uint32_t rule)
{
	uint64_t total = 0;

	if (policy_slot >= POLICY_SLOTS || rule >= COUNTER_RULE_SLOTS)
		return 0;
	for (uint32_t writer = 0; writer < SHM_WRITERS_MAX; writer++)
		total += atomic_load_explicit(
		    &shm_counters(shm, writer)->rule[policy_slot][rule], memory_order_relaxed);
	return total;
}
