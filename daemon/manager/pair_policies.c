#include "daemon/manager/pair_policies.h"

#include "daemon/manager/policy_place.h"
#include "daemon/manager/running_load.h"
#include "daemon/policy/compile.h"
#include "shm/slot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD	 "! policy "
#define HEX_SIZE (2u * POLICY_HASH_SIZE)

_Static_assert(POLICY_SLOTS <= 32, "a bit for each slot");

static void
drop(struct pair_policies *policies, unsigned index)
{
	lines_free(&policies->policy[index].lines);
	memmove(&policies->policy[index], &policies->policy[index + 1],
	    (policies->count - index - 1) * sizeof(policies->policy[0]));
	policies->count--;
}

void
pair_policies_free(struct pair_policies *policies)
{
	while (policies->count > 0)
		drop(policies, policies->count - 1);
	policies->placed = 0;
}

/* NULL: there is no room. */
static struct pair_policy *
add(struct pair_policies *policies, const uint8_t generation[POLICY_HASH_SIZE], const char *name)
{
	struct pair_policy *policy = &policies->policy[policies->count];

	if (policies->count == POLICY_SLOTS)
		return NULL;
	policies->count++;
	*policy = (struct pair_policy){.name = ""};
	memcpy(policy->generation, generation, sizeof(policy->generation));
	snprintf(policy->name, sizeof(policy->name), "%s", name);
	lines_init(&policy->lines);
	return policy;
}

/* ---- what sessions run by ---- */

static bool
is_used(const struct shm *shm, const uint8_t generation[POLICY_HASH_SIZE])
{
	uint64_t hash;

	memcpy(&hash, generation, sizeof(hash));
	for (uint32_t slot = 0; slot < shm->slots; slot++) {
		const struct slot_custody *custody = shm_custody(shm, slot);

		if (atomic_load_explicit(&custody->state, memory_order_acquire) != SLOT_FREE &&
		    custody->policy_hash == hash)
			return true;
	}
	return false;
}

static bool
is_kept(const struct pair_policies *policies, const uint8_t generation[POLICY_HASH_SIZE])
{
	for (unsigned i = 0; i < policies->count; i++)
		if (memcmp(policies->policy[i].generation, generation, POLICY_HASH_SIZE) == 0)
			return true;
	return false;
}

/* The configuration gives that map this generation; `scratch` is overwritten. */
static bool
gives(const struct config *config, const struct policy_slot *slot, struct compiled_image *scratch)
{
	return config_compile_map(config, slot->name, scratch) &&
	       memcmp(scratch->generation, slot->generation, POLICY_HASH_SIZE) == 0;
}

static void
keep_line(void *context, const char *text)
{
	lines_add(context, text);
}

static bool
keep(struct pair_policies *policies, const struct config *old, const struct policy_slot *slot)
{
	struct pair_policy *policy = add(policies, slot->generation, slot->name);

	if (policy == NULL)
		return false;
	const struct config_writer writer = {keep_line, &policy->lines};
	config_print_map(old, policy->name, &writer);
	if (policy->lines.overflow)
		drop(policies, policies->count - 1);
	return true;
}

bool
pair_policies_change(struct pair_policies *policies, const struct shm *shm,
    const struct config *old, const struct config *next)
{
	struct compiled_image *scratch = malloc(sizeof(*scratch));
	const struct policy_area *area = shm_policy(shm);
	bool is_more = false;

	for (uint32_t i = 0; scratch != NULL && i < POLICY_SLOTS; i++) {
		const struct policy_slot *slot = &area->slot[i];

		if (atomic_load_explicit(&slot->state, memory_order_acquire) == POLICY_READY &&
		    !is_kept(policies, slot->generation) && is_used(shm, slot->generation) &&
		    gives(old, slot, scratch) && !gives(next, slot, scratch))
			is_more = keep(policies, old, slot) || is_more;
	}
	free(scratch);
	return is_more;
}

bool
pair_policies_prune(struct pair_policies *policies, const struct shm *shm)
{
	unsigned before = policies->count;

	for (unsigned i = policies->count; i-- > 0;)
		if (!is_used(shm, policies->policy[i].generation))
			drop(policies, i);
	if (policies->count == 0)
		policies->placed = 0;
	return policies->count < before;
}

/* ---- as a text ---- */

bool
pair_policies_write(const struct pair_policies *policies, struct lines *ret_lines)
{
	char head[sizeof(HEAD) + HEX_SIZE + 1 + PAIR_POLICIES_NAME], hex[HEX_SIZE + 1];

	for (unsigned i = 0; i < policies->count; i++) {
		const struct pair_policy *policy = &policies->policy[i];

		lines_digest_hex(policy->generation, hex);
		snprintf(head, sizeof(head), HEAD "%s %s", hex, policy->name);
		lines_add(ret_lines, head);
		for (size_t k = 0; k < policy->lines.count; k++)
			lines_add(ret_lines, policy->lines.line[k]);
	}
	return !ret_lines->overflow;
}

/* Behind HEAD. */
static struct pair_policy *
begin(struct pair_policies *policies, const char *head)
{
	uint8_t generation[POLICY_HASH_SIZE];

	if (!lines_digest_unhex(head, generation) || head[HEX_SIZE] != ' ' ||
	    strlen(head + HEX_SIZE + 1) >= PAIR_POLICIES_NAME)
		return NULL;
	return is_kept(policies, generation) ? NULL
					     : add(policies, generation, head + HEX_SIZE + 1);
}

bool
pair_policies_read(struct pair_policies *policies, const struct lines *lines)
{
	struct pair_policy *policy = NULL;

	pair_policies_free(policies);
	for (size_t i = 0; i < lines->count; i++) {
		const char *line = lines->line[i];
		bool is_good;

		if (strncmp(line, HEAD, sizeof(HEAD) - 1) == 0) {
			policy = begin(policies, line + sizeof(HEAD) - 1);
			is_good = policy != NULL;
		} else {
			is_good = policy != NULL && lines_add(&policy->lines, line);
		}
		if (is_good)
			continue;
		pair_policies_free(policies);
		return false;
	}
	return true;
}

/* ---- as images ---- */

static bool
place(struct pair_policies *policies, const struct shm *shm, const struct pair_policy *policy,
    struct compiled_image *image, struct text *why)
{
	struct config *config = running_load_lines(shm, &policy->lines, why);
	int result = -ENOMEM;

	if (config == NULL)
		return false;
	if (!config_compile_map(config, policy->name, image) ||
	    memcmp(image->generation, policy->generation, POLICY_HASH_SIZE) != 0)
		result = -EPROTO;
	else
		result = policy_place_image(shm, image, &policies->placed);
	config_free(config);
	if (result == -EPROTO)
		text_printf(why, "policy-map %s is another one here", policy->name);
	else if (result < 0)
		text_printf(
		    why, "policy-map %s: sessions use all %u policies", policy->name, POLICY_SLOTS);
	return result == 0;
}

bool
pair_policies_place(struct pair_policies *policies, const struct shm *shm, struct text *why)
{
	struct compiled_image *image = malloc(sizeof(*image));
	bool placed = image != NULL;

	policies->placed = 0;
	for (unsigned i = 0; image != NULL && i < policies->count; i++)
		placed = place(policies, shm, &policies->policy[i], image, why) && placed;
	free(image);
	return placed;
}
