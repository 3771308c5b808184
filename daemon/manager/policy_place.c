#include "daemon/manager/policy_place.h"

#include "shm/counters.h"
#include "shm/failpoint.h"
#include "shm/slot.h"

#include <errno.h>
#include <string.h>

/* sequence is a plain word of the table's head; it is written last and read first. */
static uint64_t
load_sequence(const struct listener_table *table)
{
	return __atomic_load_n(&table->sequence, __ATOMIC_ACQUIRE);
}

static void
store_sequence(struct listener_table *table, uint64_t sequence)
{
	__atomic_store_n(&table->sequence, sequence, __ATOMIC_RELEASE);
}

static void
mark(bool used[POLICY_SLOTS], uint32_t slot)
{
	if (slot < POLICY_SLOTS)
		used[slot] = true;
}

static void
mark_sessions(const struct shm *shm, bool used[POLICY_SLOTS])
{
	for (uint32_t i = 0; i < shm->slots; i++) {
		const struct slot_custody *custody = shm_custody(shm, i);

		if (atomic_load_explicit(&custody->state, memory_order_acquire) != SLOT_FREE)
			mark(used, custody->policy_slot);
	}
}

static void
mark_tables(const struct policy_area *area, bool used[POLICY_SLOTS])
{
	for (unsigned t = 0; t < 2; t++) {
		const struct listener_table *table = &area->listeners[t];

		if (load_sequence(table) == 0)
			continue;
		for (uint32_t i = 0; i < table->count && i < LISTENERS_MAX; i++)
			mark(used, table->entry[i].policy_slot);
		for (uint32_t i = 0; i < table->class_rules && i < CLASS_RULES_MAX; i++)
			mark(used, table->class_rule[i].policy_slot);
	}
}

static bool
holds(const struct policy_slot *slot, const struct compiled_image *image)
{
	return atomic_load_explicit(&slot->state, memory_order_acquire) == POLICY_READY &&
	       slot->size == image->size &&
	       memcmp(slot->generation, image->generation, POLICY_HASH_SIZE) == 0 &&
	       strncmp(slot->name, image->name, sizeof(slot->name)) == 0 &&
	       memcmp(slot->image, image->bytes, image->size) == 0;
}

/* Readers add up all blocks, so the manager's block holds what takes the sum back to zero. */
static void
zero_counters(const struct shm *shm, uint32_t slot)
{
	struct counter_block *block = shm_counters(shm, SHM_WRITER_MANAGER);

	for (uint32_t rule = 0; rule < COUNTER_RULE_SLOTS; rule++)
		counter_add_rule(block, slot, rule, 0 - counter_total_rule(shm, slot, rule));
}

static void
fill(const struct shm *shm, uint32_t index, const struct compiled_image *image)
{
	struct policy_slot *slot = &shm_policy(shm)->slot[index];

	atomic_store_explicit(&slot->state, POLICY_FILLING, memory_order_seq_cst);
	FAILPOINT(policy_filling);
	zero_counters(shm, index);
	memset(slot->image, 0, sizeof(slot->image));
	memcpy(slot->image, image->bytes, image->size);
	memcpy(slot->generation, image->generation, POLICY_HASH_SIZE);
	memcpy(slot->name, image->name, sizeof(slot->name));
	slot->name[sizeof(slot->name) - 1] = '\0';
	slot->size = image->size;
	atomic_store_explicit(&slot->state, POLICY_READY, memory_order_release);
}

static uint32_t
find_same(const struct policy_area *area, const struct compiled_image *image)
{
	for (uint32_t i = 0; i < POLICY_SLOTS; i++)
		if (holds(&area->slot[i], image))
			return i;
	return POLICY_SLOTS;
}

/* Empty slots first, so that a map's counters are kept as long as there is room. */
static uint32_t
find_free(const struct policy_area *area, const bool used[POLICY_SLOTS])
{
	uint32_t found = POLICY_SLOTS;

	for (uint32_t i = 0; i < POLICY_SLOTS; i++) {
		if (used[i])
			continue;
		if (atomic_load_explicit(&area->slot[i].state, memory_order_relaxed) ==
		    POLICY_EMPTY)
			return i;
		if (found == POLICY_SLOTS)
			found = i;
	}
	return found;
}

static bool
compiled_holds(const struct compiled *compiled)
{
	const struct listener_table *listeners = &compiled->listeners;

	if (compiled->images > COMPILE_IMAGES_MAX || listeners->count > LISTENERS_MAX ||
	    listeners->class_rules > CLASS_RULES_MAX)
		return false;
	for (unsigned i = 0; i < compiled->images; i++)
		if (compiled->image[i].size > POLICY_IMAGE_MAX)
			return false;
	for (uint32_t i = 0; i < listeners->count; i++)
		if (listeners->entry[i].policy_slot >= compiled->images)
			return false;
	for (uint32_t i = 0; i < listeners->class_rules; i++)
		if (listeners->class_rule[i].policy_slot >= compiled->images)
			return false;
	return true;
}

/* From image index to policy slot. */
static void
name_slots(struct listener_table *listeners, const uint32_t place[COMPILE_IMAGES_MAX])
{
	for (uint32_t i = 0; i < listeners->count; i++) {
		struct listener_entry *entry = &listeners->entry[i];

		entry->policy_slot = place[entry->policy_slot];
	}
	for (uint32_t i = 0; i < listeners->class_rules; i++) {
		struct class_rule *rule = &listeners->class_rule[i];

		rule->policy_slot = (uint16_t)place[rule->policy_slot];
	}
}

/* By a session, a table or the caller. */
static void
mark_all(const struct shm *shm, uint32_t kept, bool used[POLICY_SLOTS])
{
	mark_sessions(shm, used);
	mark_tables(shm_policy(shm), used);
	for (uint32_t i = 0; i < POLICY_SLOTS; i++)
		used[i] = used[i] || (kept >> i & 1) != 0;
}

int
policy_place_image(const struct shm *shm, const struct compiled_image *image, uint32_t *kept)
{
	struct policy_area *area = shm_policy(shm);
	bool used[POLICY_SLOTS] = {false};
	uint32_t place = find_same(area, image);

	if (place == POLICY_SLOTS) {
		mark_all(shm, *kept, used);
		place = find_free(area, used);
		if (place == POLICY_SLOTS)
			return -ENOSPC;
		fill(shm, place, image);
	}
	*kept |= 1u << place;
	return 0;
}

int
policy_place(const struct shm *shm, struct compiled *compiled, uint32_t kept)
{
	struct policy_area *area = shm_policy(shm);
	bool used[POLICY_SLOTS] = {false};
	uint32_t place[COMPILE_IMAGES_MAX];

	if (!compiled_holds(compiled))
		return -EPROTO;
	mark_all(shm, kept, used);
	for (unsigned i = 0; i < compiled->images; i++) {
		place[i] = find_same(area, &compiled->image[i]);
		mark(used, place[i]);
	}
	for (unsigned i = 0; i < compiled->images; i++) {
		if (place[i] < POLICY_SLOTS)
			continue;
		place[i] = find_free(area, used);
		if (place[i] >= POLICY_SLOTS)
			return -ENOSPC;
		fill(shm, place[i], &compiled->image[i]);
		mark(used, place[i]);
	}
	name_slots(&compiled->listeners, place);
	return 0;
}

uint64_t
policy_place_newest(const struct shm *shm, uint32_t *ret_table)
{
	const struct policy_area *area = shm_policy(shm);
	uint64_t sequence[2] = {
	    load_sequence(&area->listeners[0]),
	    load_sequence(&area->listeners[1]),
	};

	*ret_table = sequence[1] > sequence[0];
	return sequence[*ret_table];
}

uint32_t
policy_place_listeners(
    const struct shm *shm, const struct listener_table *listeners, uint64_t sequence)
{
	uint32_t newest;
	uint64_t have = policy_place_newest(shm, &newest);
	uint32_t other = have == 0 ? 0 : !newest;
	struct listener_table *table = &shm_policy(shm)->listeners[other];

	store_sequence(table, 0);
	atomic_thread_fence(memory_order_seq_cst);
	table->count = listeners->count;
	table->class_rules = listeners->class_rules;
	table->classes = listeners->classes;
	memcpy(table->entry, listeners->entry, sizeof(table->entry));
	memcpy(table->class_of, listeners->class_of, sizeof(table->class_of));
	memcpy(table->class_rule, listeners->class_rule, sizeof(table->class_rule));
	store_sequence(table, sequence);
	return other;
}

void
policy_place_retire(const struct shm *shm, uint32_t table)
{
	store_sequence(&shm_policy(shm)->listeners[table], 0);
}
