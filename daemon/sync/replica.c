#include "daemon/sync/replica.h"

#include "daemon/sync/custody_wire.h"
#include "daemon/sync/replica_session.h"
#include "daemon/sync/text_parts.h"
#include "shm/embryos.h"
#include "shm/peer_counters.h"
#include "shm/policy_area.h"
#include "shm/slot.h"
#include "shm/succession.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(SYNC_NAME_MAX < PEER_COUNTERS_NAME, "room for every name");

struct replica {
	struct replica_settings settings;
	struct chunk_cache cache;
	struct peer_counters counters;
	struct text_parts text[SYNC_TEXT_KINDS]; /* by kind */
	uint32_t sessions;
	uint32_t most; /* slots [0, most) have held one */
	struct replica_slot slot[];
};

static void
forget_counters(struct replica *replica)
{
	peer_counters_clear(&replica->counters);
	peer_counters_publish(shm_peer_counters(replica->settings.shm), &replica->counters);
}

void
replica_drop_left(struct replica *replica)
{
	const struct shm *shm = replica->settings.shm;
	uint32_t most = atomic_load(&shm_succession(shm)->replicas);

	if (most < shm_slots_used(shm))
		most = shm_slots_used(shm);
	for (uint32_t slot = 0; slot < most && slot < shm->slots; slot++) {
		if (replica->slot[slot].generation != 0 ||
		    atomic_load(&shm_custody(shm, slot)->state) != SLOT_REPLICA)
			continue;
		replica->slot[slot].is_secret = true; /* who knows */
		replica_session_end(shm, &replica->cache, slot, &replica->slot[slot]);
	}
}

struct replica *
replica_create(const struct replica_settings *settings)
{
	const struct shm *shm = settings->shm;
	struct replica *replica =
	    calloc(1, sizeof(*replica) + shm->slots * sizeof(replica->slot[0]));

	if (replica == NULL)
		return NULL;
	replica->settings = *settings;
	/* The log goes on from where the one of a sync that has died was. */
	peer_counters_read(shm_peer_counters(shm), &replica->counters);
	forget_counters(replica);
	replica_session_cache(shm, &replica->cache);
	if (settings->keeps_left)
		return replica;
	replica_drop_left(replica);
	embryos_clear(shm_embryos(shm));
	return replica;
}

void
replica_destroy(struct replica *replica)
{
	if (replica == NULL)
		return;
	for (unsigned kind = 0; kind < SYNC_TEXT_KINDS; kind++)
		text_parts_clear(&replica->text[kind]);
	free(replica);
}

static void
drop(struct replica *replica, uint32_t slot)
{
	if (replica->slot[slot].generation == 0)
		return;
	replica_session_end(replica->settings.shm, &replica->cache, slot, &replica->slot[slot]);
	replica->sessions--;
}

void
replica_begin(struct replica *replica)
{
	for (uint32_t slot = 0; slot < replica->most; slot++)
		replica->slot[slot].is_fresh = false;
	forget_counters(replica);
}

void
replica_serve_all(struct replica *replica)
{
	for (uint32_t slot = 0; slot < replica->most; slot++)
		replica->slot[slot] = (struct replica_slot){0};
	replica->sessions = replica->most = 0;
	replica_drop_left(replica);
	embryos_clear(shm_embryos(replica->settings.shm));
	forget_counters(replica);
}

void
replica_forget_all(struct replica *replica)
{
	for (uint32_t slot = 0; slot < replica->most; slot++)
		drop(replica, slot);
	embryos_clear(shm_embryos(replica->settings.shm));
	forget_counters(replica);
}

/* It has become a session. */
static void
drop_embryo(struct replica *replica, uint32_t slot)
{
	const struct shm *shm = replica->settings.shm;
	const struct slot_leg *client = &shm_custody(shm, slot)->leg[SHM_CLIENT];

	embryos_remove(shm_embryos(shm), &client->local, &client->peer);
}

static enum sync_reason
store_session(struct replica *replica, const struct sync_session *session)
{
	const struct shm *shm = replica->settings.shm;
	struct replica_slot *slot = &replica->slot[session->slot < shm->slots ? session->slot : 0];
	struct record record;
	enum sync_reason reason = replica_check(shm, slot, session, &record);

	if (reason != SYNC_GOOD)
		return reason;
	if (session->whole) {
		bool is_new = slot->generation == 0;

		if (!replica_session_begin(
			shm, &replica->cache, session->slot, slot, session->generation))
			return SYNC_BAD_BUSY_SLOT;
		replica->sessions += is_new;
		slot->is_fresh = true;
		if (replica->most <= session->slot)
			replica->most = session->slot + 1;
	}
	chunk_cache_look_again(&replica->cache);
	reason = replica_session_put(shm, &replica->cache, slot, session, &record);
	if (reason == SYNC_GOOD && session->whole)
		drop_embryo(replica, session->slot);
	return reason;
}

static bool
holds(const struct replica *replica, uint32_t slot, uint32_t generation)
{
	return slot < replica->settings.shm->slots && generation != 0 &&
	       replica->slot[slot].generation == generation;
}

static enum sync_reason
store_ended(struct replica *replica, const struct sync_ended *ended)
{
	if (!holds(replica, ended->slot, ended->generation))
		return SYNC_BAD_NO_BASE;
	drop(replica, ended->slot);
	return SYNC_GOOD;
}

static enum sync_reason
store_mark(struct replica *replica, const struct sync_mark *mark)
{
	struct slot_custody *custody;

	if (!holds(replica, mark->slot, mark->generation))
		return SYNC_BAD_NO_BASE;
	custody = shm_custody(replica->settings.shm, mark->slot);
	custody->mark_direction = mark->direction;
	custody->mark_position = mark->position;
	atomic_store_explicit(&custody->marks, mark->marks, memory_order_release);
	return SYNC_GOOD;
}

static enum sync_reason
store_embryo(struct replica *replica, const struct sync_embryo *told)
{
	const struct embryo embryo = {
	    .number = told->number,
	    .seen_ms = told->seen_ms,
	    .local = custody_wire_endpoint(&told->local),
	    .peer = custody_wire_endpoint(&told->peer),
	    .send_next = told->send_next,
	    .receive_next = told->receive_next,
	    .timestamp = told->timestamp,
	    .peer_timestamp = told->peer_timestamp,
	    .segment_size = (uint16_t)told->segment_size,
	    .window = (uint16_t)told->window,
	    .window_scale = (uint8_t)told->window_scale,
	    .options = (uint8_t)told->options,
	};

	embryos_add(shm_embryos(replica->settings.shm), &embryo);
	return SYNC_GOOD;
}

static enum sync_reason
store_text(struct replica *replica, const struct sync_text *part)
{
	struct text_parts *text = &replica->text[part->kind];
	struct sync_text whole = *part;
	bool is_whole;
	enum sync_reason reason = text_parts_take(text, part, &is_whole);

	if (reason != SYNC_GOOD || !is_whole)
		return reason;
	whole.offset = 0;
	whole.part = (struct sync_bytes){text->bytes, text->total};
	replica->settings.text(replica->settings.owner, &whole);
	text_parts_clear(text);
	return SYNC_GOOD;
}

#define RULE_PREFIX "rule."

/* What was counted by a policy that is not loaded any more (counter_rule_name()). */
static bool
is_of_the_past(const void *context, const char *name)
{
	size_t length = sizeof(RULE_PREFIX) - 1;
	char *end;

	if (strncmp(name, RULE_PREFIX, length) != 0)
		return false;
	uint64_t generation = strtoull(name + length, &end, 16);
	return *end == '.' && policy_area_find(context, generation) == SHM_NO_SLOT;
}

static enum sync_reason
store_counters(struct replica *replica, const struct sync_counters *told)
{
	struct peer_counters *counters = &replica->counters;

	if (counters->count + told->counters > PEER_COUNTERS_MAX)
		peer_counters_forget(counters, is_of_the_past, shm_policy(replica->settings.shm));
	for (uint32_t i = 0; i < told->counters; i++)
		if (!peer_counters_set(counters, told->counter[i].name, told->counter[i].value))
			counters->not_kept++;
	peer_counters_publish(shm_peer_counters(replica->settings.shm), &replica->counters);
	return SYNC_GOOD;
}

/* What was not told again is no more; what was told is told to its record. */
static enum sync_reason
end_snapshot(struct replica *replica)
{
	for (uint32_t slot = 0; slot < replica->most; slot++) {
		if (replica->slot[slot].generation == 0)
			continue;
		if (!replica->slot[slot].is_fresh)
			drop(replica, slot);
		else if (record_current(shm_session(replica->settings.shm, slot)) == NULL)
			return SYNC_BAD_INCOMPLETE;
	}
	return SYNC_GOOD;
}

enum sync_reason
replica_store(void *owner, uint64_t lsn, const struct sync_entry *entry)
{
	struct replica *replica = owner;

	(void)lsn;
	switch (entry->kind) {
	case SYNC_ENTRY_SESSION:
		return store_session(replica, &entry->session);
	case SYNC_ENTRY_ENDED:
		return store_ended(replica, &entry->ended);
	case SYNC_ENTRY_MARK:
		return store_mark(replica, &entry->mark);
	case SYNC_ENTRY_COUNTERS:
		return store_counters(replica, &entry->counters);
	case SYNC_ENTRY_TEXT:
		return store_text(replica, &entry->text);
	case SYNC_ENTRY_SNAPSHOT_END:
		return end_snapshot(replica);
	case SYNC_ENTRY_EMBRYO:
		return store_embryo(replica, &entry->embryo);
	case SYNC_ENTRY_LIMIT:
		/* Nothing has an allowance that the sessions themselves do not show. */
		return SYNC_GOOD;
	}
	return SYNC_BAD_ENTRY_KIND;
}

void
replica_find_policies(struct replica *replica)
{
	for (uint32_t slot = 0; slot < replica->most; slot++)
		if (replica->slot[slot].generation != 0)
			replica_session_find_policy(replica->settings.shm, slot);
}

uint32_t
replica_sessions(const struct replica *replica)
{
	return replica->sessions;
}
