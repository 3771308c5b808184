/*
 * counters -- what each process has counted
 *
 * One block per writer; only the writer changes it, with relaxed stores, so it costs an add.
 * Readers add the blocks up.  counters.def is the list.  Beside the named counters each block
 * holds, per policy slot, the counters of that policy's rules (COUNTER_RULE_* for the map itself).
 */
#ifndef SHM_COUNTERS_H
#define SHM_COUNTERS_H

#include "shm/layout.h"
#include "shm/policy_area.h"
#include "shm/region.h"

enum counter_id {
#define COUNTER(name, kind, help) COUNTER_##name,
#include "shm/counters.def"
#undef COUNTER
	COUNTER_COUNT
};

/* Rule numbers 0..COUNTER_RULES_MAX-1 are the map's match lines; these are the map's own. */
enum counter_rule {
	COUNTER_RULES_MAX = 56,
	COUNTER_RULE_PACKETS = COUNTER_RULES_MAX, /* commands + replies + messages inspected */
	COUNTER_RULE_DROPS,
	COUNTER_RULE_RESETS,
	COUNTER_RULE_BANNERS, /* banners masked */
	COUNTER_RULE_EHLO,    /* EHLO lines removed */
	COUNTER_RULE_SLOTS = 64
};

struct counter_block {
	_Atomic uint64_t value[96];
	_Atomic uint64_t rule[POLICY_SLOTS][COUNTER_RULE_SLOTS];
};
_Static_assert(COUNTER_COUNT <= 96, "room for every counter");

/* rule.GENERATION.NUMBER, of which the generation is its first 8 bytes in 16 hex digits. */
#define COUNTER_RULE_NAME_SIZE 40u

const char *counter_name(enum counter_id id);
void counter_rule_name(uint64_t generation, uint32_t rule, char ret_name[COUNTER_RULE_NAME_SIZE]);
const char *counter_help(enum counter_id id);
bool counter_is_gauge(enum counter_id id);

static inline void
counter_add(struct counter_block *block, enum counter_id id, uint64_t n)
{
	atomic_store_explicit(&block->value[id],
	    atomic_load_explicit(&block->value[id], memory_order_relaxed) + n,
	    memory_order_relaxed);
}

void counter_set(struct counter_block *block, enum counter_id id, uint64_t value);
void counter_add_rule(struct counter_block *block, uint32_t policy_slot, uint32_t rule, uint64_t n);

/* Over all writers. */
uint64_t counter_total(const struct shm *shm, enum counter_id id);
uint64_t counter_total_rule(const struct shm *shm, uint32_t policy_slot, uint32_t rule);

#endif
