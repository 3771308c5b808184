#include "daemon/supervisor/tally.h"

#include "daemon/supervisor/address.h"
#include "shm/class_usage.h"
#include "shm/slot.h"
#include "shm/spoken.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum side { SIDE_SERVER, SIDE_CLIENT, SIDES };

/* Where a slot is counted. */
struct tally_slot {
	uint32_t entry[SIDES]; /* of the table */
	uint32_t listener;     /* SLOT_NO_LISTENER */
	uint16_t limits_class; /* CLASS_NONE */
	bool counted;
};

/* ---- the embryonic, a bit per slot ---- */

static bool
is_embryonic(const struct tally *tally, uint32_t slot)
{
	return tally->embryonic[slot / SPOKEN_BITS] >> slot % SPOKEN_BITS & 1;
}

static void
flip_embryonic(struct tally *tally, uint32_t slot)
{
	tally->embryonic[slot / SPOKEN_BITS] ^= 1ull << slot % SPOKEN_BITS;
}

/* The record decides: the bit may be older than the session, or newer than its record. */
static bool
has_spoken(const struct tally *tally, uint32_t slot)
{
	const struct slot_session *session = shm_session(tally->shm, slot);
	uint32_t generation =
	    atomic_load_explicit(&shm_custody(tally->shm, slot)->generation, memory_order_relaxed);
	struct record record;

	if (!(spoken_word(tally->shm, slot / SPOKEN_BITS) >> slot % SPOKEN_BITS & 1) ||
	    atomic_load_explicit(&session->generation, memory_order_acquire) != generation)
		return false;
	return record_read(session, generation, &record) && (record.flags & RECORD_SPOKEN);
}

/* ---- counting a slot ---- */

static struct count_key
key_of(enum side side, uint16_t limits_class, const struct shm_endpoint *endpoint)
{
	struct address address =
	    side == SIDE_CLIENT ? address_of_client(endpoint) : address_of(endpoint);
	uint16_t port = side == SIDE_CLIENT ? 0 : endpoint->port;

	return (struct count_key){{
	    address.half[0],
	    address.half[1],
	    (uint64_t)side << 32 | (uint64_t)limits_class << 16 | port,
	}};
}

/* Only if the class limits that side. */
static uint32_t
take_entry(
    struct tally *tally, enum side side, uint16_t limits_class, const struct shm_endpoint *endpoint)
{
	const struct class_limits *limits;
	struct count_key key;
	bool limited;

	if (limits_class == CLASS_NONE)
		return COUNT_TABLE_NONE;
	limits = &tally->listeners->classes.class_of[limits_class].limits;
	limited = side == SIDE_SERVER ? limits->connections_max || limits->embryonic_max
				      : limits->client_max || limits->client_embryonic_max;
	if (!limited)
		return COUNT_TABLE_NONE;
	key = key_of(side, limits_class, endpoint);
	return count_table_take(&tally->table, &key);
}

static void
count_add(struct count *count, int connections, int embryonic)
{
	count->connections += (uint32_t)connections;
	count->embryonic += (uint32_t)embryonic;
}

static void
word_add(_Atomic uint32_t *word, int number)
{
	atomic_store_explicit(word,
	    atomic_load_explicit(word, memory_order_relaxed) + (uint32_t)number,
	    memory_order_relaxed);
}

static void
usage_add(const struct tally *tally, uint16_t limits_class, int connections, int embryonic)
{
	struct class_usage *usage = shm_class_usage(tally->shm, limits_class);

	if (!usage)
		return;
	word_add(&usage->connections, connections);
	word_add(&usage->embryonic, embryonic);
}

/* Everywhere the slot is counted. */
static void
add(struct tally *tally, uint32_t slot, int connections, int embryonic)
{
	const struct tally_slot *where = &tally->slot[slot];

	tally->embryonic_count += (uint32_t)embryonic;
	if (where->listener != SLOT_NO_LISTENER)
		count_add(&tally->listener[where->listener], connections, embryonic);
	usage_add(tally, where->limits_class, connections, embryonic);
	for (int side = 0; side < SIDES; side++)
		if (where->entry[side] != COUNT_TABLE_NONE)
			count_add(count_table_at(&tally->table, where->entry[side]), connections,
			    embryonic);
}

static void
enter(struct tally *tally, uint32_t slot, uint16_t limits_class, bool embryonic)
{
	const struct slot_custody *custody = shm_custody(tally->shm, slot);
	struct tally_slot *where = &tally->slot[slot];

	*where = (struct tally_slot){
	    .listener = custody->listener,
	    .limits_class = limits_class,
	    .counted = true,
	};
	where->entry[SIDE_SERVER] =
	    take_entry(tally, SIDE_SERVER, limits_class, &custody->leg[SHM_SERVER].peer);
	where->entry[SIDE_CLIENT] =
	    take_entry(tally, SIDE_CLIENT, limits_class, &custody->leg[SHM_CLIENT].peer);
	add(tally, slot, 1, embryonic);
	if (embryonic)
		flip_embryonic(tally, slot);
}

void
tally_enter(struct tally *tally, uint32_t slot, uint16_t limits_class)
{
	enter(tally, slot, limits_class, true);
}

void
tally_settle(struct tally *tally, uint32_t slot)
{
	if (!is_embryonic(tally, slot))
		return;
	add(tally, slot, 0, -1);
	flip_embryonic(tally, slot);
}

void
tally_leave(struct tally *tally, uint32_t slot)
{
	struct tally_slot *where = &tally->slot[slot];

	if (!where->counted)
		return;
	tally_settle(tally, slot);
	add(tally, slot, -1, 0);
	for (int side = 0; side < SIDES; side++)
		if (where->entry[side] != COUNT_TABLE_NONE &&
		    count_table_at(&tally->table, where->entry[side])->connections == 0)
			count_table_give(&tally->table, where->entry[side]);
	where->counted = false;
}

/* ---- all slots ---- */

void
tally_refresh(struct tally *tally)
{
	for (uint32_t word = 0; tally->embryonic_count > 0 && word < SPOKEN_WORDS(tally->slots);
	     word++) {
		uint64_t bits = tally->embryonic[word];

		if (bits)
			bits &= spoken_word(tally->shm, word);
		for (; bits; bits &= bits - 1) {
			uint32_t slot = word * SPOKEN_BITS + (uint32_t)__builtin_ctzll(bits);

			if (has_spoken(tally, slot))
				tally_settle(tally, slot);
		}
	}
}

static uint64_t
refused_before(const struct class_usage old[CLASSES_MAX], const struct class_entry *class)
{
	for (uint32_t i = 0; i < CLASSES_MAX && class->name[0] != '\0'; i++)
		if (strcmp(old[i].name, class->name) == 0 &&
		    strcmp(old[i].policy, class->policy) == 0)
			return old[i].refused;
	return 0;
}

/* Each class of the table in force. */
static void
renew_usage(const struct tally *tally)
{
	struct class_usage old[CLASSES_MAX];

	memcpy(old, shm_class_usage(tally->shm, 0), sizeof(old));
	for (uint32_t i = 0; i < CLASSES_MAX; i++) {
		const struct class_entry *class = &tally->listeners->classes.class_of[i];
		struct class_usage *usage = shm_class_usage(tally->shm, i);

		memcpy(usage->policy, class->policy, sizeof(usage->policy));
		memcpy(usage->name, class->name, sizeof(usage->name));
		atomic_store_explicit(
		    &usage->refused, refused_before(old, class), memory_order_relaxed);
		atomic_store_explicit(&usage->connections, 0, memory_order_relaxed);
		atomic_store_explicit(&usage->embryonic, 0, memory_order_relaxed);
	}
}

void
tally_clear_refused(const struct tally *tally)
{
	for (uint32_t i = 0; i < CLASSES_MAX; i++)
		atomic_store_explicit(
		    &shm_class_usage(tally->shm, i)->refused, 0, memory_order_relaxed);
}

static bool
listens_there(const struct tally *tally, uint32_t listener, const struct shm_endpoint *endpoint)
{
	return listener < tally->listeners->count &&
	       listener_takes(&tally->listeners->listener[listener], endpoint);
}

/* Most have not moved. */
static uint32_t
listener_of(const struct tally *tally, const struct slot_custody *custody)
{
	const struct shm_endpoint *local = &custody->leg[SHM_CLIENT].local;

	if (listens_there(tally, custody->listener, local))
		return custody->listener;
	for (uint32_t i = 0; i < tally->listeners->count; i++)
		if (listens_there(tally, i, local))
			return i;
	return SLOT_NO_LISTENER;
}

/* Whether the slot was embryonic as far as is known; the records of the others need no look. */
static bool
forget(struct tally *tally, uint32_t slot)
{
	bool embryonic = is_embryonic(tally, slot);
	bool known = tally->slot[slot].counted;

	if (embryonic)
		flip_embryonic(tally, slot);
	tally->slot[slot].counted = false;
	return embryonic || !known;
}

static void
enter_again(struct tally *tally, uint32_t slot)
{
	const struct listeners *listeners = tally->listeners;
	struct slot_custody *custody = shm_custody(tally->shm, slot);
	uint32_t state = atomic_load_explicit(&custody->state, memory_order_relaxed);
	bool embryonic = forget(tally, slot);
	uint16_t limits_class = CLASS_NONE;

	if (!slot_is_session(state))
		return;
	custody->listener = listener_of(tally, custody);
	if (custody->listener != SLOT_NO_LISTENER)
		limits_class = classify_limits(&listeners->classes,
		    &listeners->listener[custody->listener].entry, &custody->leg[SHM_CLIENT].peer);
	enter(tally, slot, limits_class,
	    embryonic && state != SLOT_ENDING && !has_spoken(tally, slot));
}

void
tally_rebuild(struct tally *tally, uint32_t used)
{
	count_table_clear(&tally->table);
	memset(tally->listener, 0, sizeof(tally->listener));
	tally->embryonic_count = 0;
	renew_usage(tally);
	for (uint32_t slot = 0; slot < tally->slots && slot < used; slot++)
		enter_again(tally, slot);
}

/* ---- what is asked ---- */

static struct count
count_of(const struct tally *tally, struct count_key key)
{
	uint32_t index = count_table_find(&tally->table, &key);

	return index == COUNT_TABLE_NONE ? (struct count){0}
					 : *count_table_at(&tally->table, index);
}

struct count
tally_of_server(const struct tally *tally, uint16_t limits_class, const struct shm_endpoint *server)
{
	return count_of(tally, key_of(SIDE_SERVER, limits_class, server));
}

struct count
tally_of_client(const struct tally *tally, uint16_t limits_class, const struct shm_endpoint *client)
{
	return count_of(tally, key_of(SIDE_CLIENT, limits_class, client));
}

int
tally_init(
    struct tally *tally, const struct shm *shm, const struct listeners *listeners, uint32_t slots)
{
	int r;

	*tally = (struct tally){.shm = shm, .listeners = listeners, .slots = slots};
	r = count_table_init(&tally->table, SIDES * slots);
	if (r < 0)
		return r;
	tally->slot = calloc(slots, sizeof(*tally->slot));
	tally->embryonic = calloc(SPOKEN_WORDS(slots), sizeof(*tally->embryonic));
	if (!tally->slot || !tally->embryonic) {
		tally_fini(tally);
		return -ENOMEM;
	}
	return 0;
}

void
tally_fini(struct tally *tally)
{
	free(tally->slot);
	free(tally->embryonic);
	count_table_fini(&tally->table);
	*tally = (struct tally){0};
}
