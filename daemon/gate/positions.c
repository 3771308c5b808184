#include "daemon/gate/positions.h"

#include <errno.h>
#include <sys/mman.h>

/* The two places that are nobody's. */
#define PLACE_HOST	0u /* .ack: GATE_ACK_ALONE */
#define PLACE_EMBRYOS	1u /* .ack: the number of the last known; .end: early packets pass */
#define PLACES_RESERVED 2u

static inline uint64_t
load(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* Nobody else writes: what it reads back is its own. */
static inline void
store(struct gate_positions *table, uint64_t *word, uint64_t value)
{
	if (*word == value)
		return;
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
	table->has_moved = true;
}

uint32_t
gate_positions_count(uint32_t slots)
{
	return PLACES_RESERVED + 2 * slots;
}

static size_t
table_size(uint32_t slots)
{
	return gate_positions_count(slots) * sizeof(struct gate_place);
}

int
gate_positions_map(struct gate_positions *table, int fd, uint32_t slots, bool is_writer)
{
	int access = PROT_READ | (is_writer ? PROT_WRITE : 0);
	void *memory;

	if (slots == 0 || slots > MARK_SLOTS_MAX)
		return -EINVAL;
	memory = mmap(NULL, table_size(slots), access, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	*table = (struct gate_positions){.place = memory, .slots = slots, .has_moved = true};
	return 0;
}

void
gate_positions_unmap(struct gate_positions *table)
{
	if (table->place != NULL)
		munmap(table->place, table_size(table->slots));
	*table = (struct gate_positions){.place = NULL};
}

static struct gate_place *
place_of_leg(const struct gate_positions *table, uint32_t slot, unsigned leg)
{
	if (slot >= table->slots || leg > 1)
		return NULL;
	return &table->place[gate_place_of(mark_of_leg(slot, leg))];
}

bool
gate_positions_protect(struct gate_positions *table, uint32_t slot, unsigned leg, uint32_t ack)
{
	struct gate_place *place = place_of_leg(table, slot, leg);

	if (place == NULL)
		return false;
	store(table, &place->ack, ack | GATE_ACK_PROTECTED);
	return true;
}

bool
gate_positions_commit(struct gate_positions *table, uint32_t slot, unsigned leg, uint32_t ack)
{
	struct gate_place *place = place_of_leg(table, slot, leg);

	if (place == NULL || (place->ack & GATE_ACK_PROTECTED) == 0)
		return false;
	if ((int32_t)(ack - (uint32_t)place->ack) > 0)
		store(table, &place->ack, ack | GATE_ACK_PROTECTED);
	return true;
}

bool
gate_positions_permit_end(
    struct gate_positions *table, uint32_t slot, unsigned leg, enum gate_end end, uint32_t seq_end)
{
	struct gate_place *place = place_of_leg(table, slot, leg);

	if (place == NULL)
		return false;
	if (end == GATE_END_BY_RST)
		store(table, &place->end, place->end | GATE_END_RST);
	else
		store(table, &place->end, seq_end | GATE_END_FIN | (place->end & GATE_END_RST));
	return true;
}

bool
gate_positions_pass(struct gate_positions *table, uint32_t slot, unsigned leg)
{
	struct gate_place *place = place_of_leg(table, slot, leg);

	if (place == NULL)
		return false;
	store(table, &place->ack, GATE_ACK_ALONE);
	store(table, &place->end, 0);
	return true;
}

bool
gate_positions_clear(struct gate_positions *table, uint32_t slot)
{
	for (unsigned leg = 0; leg < 2; leg++) {
		struct gate_place *place = place_of_leg(table, slot, leg);

		if (place == NULL)
			return false;
		store(table, &place->ack, 0);
		store(table, &place->end, 0);
	}
	return true;
}

void
gate_positions_pass_all(struct gate_positions *table, bool is_alone)
{
	store(table, &table->place[PLACE_HOST].ack, is_alone ? GATE_ACK_ALONE : 0);
}

void
gate_positions_know_embryos(struct gate_positions *table, uint64_t number)
{
	if (number > table->place[PLACE_EMBRYOS].ack)
		store(table, &table->place[PLACE_EMBRYOS].ack, number);
}

bool
gate_positions_take_moved(struct gate_positions *table)
{
	bool has_moved = table->has_moved;

	table->has_moved = false;
	return has_moved;
}

void
gate_positions_let_early_pass(struct gate_positions *table, uint32_t number)
{
	__atomic_store_n(&table->place[PLACE_EMBRYOS].end, number, __ATOMIC_RELEASE);
}

uint32_t
gate_positions_early_pass(const struct gate_positions *table)
{
	return (uint32_t)load(&table->place[PLACE_EMBRYOS].end);
}

bool
gate_positions_is_alone(const struct gate_positions *table)
{
	return (load(&table->place[PLACE_HOST].ack) & GATE_ACK_ALONE) != 0;
}

uint64_t
gate_positions_known_embryos(const struct gate_positions *table)
{
	return load(&table->place[PLACE_EMBRYOS].ack);
}

bool
gate_positions_is_clear(const struct gate_positions *table, uint32_t slot)
{
	for (unsigned leg = 0; leg < 2; leg++) {
		const struct gate_place *place = place_of_leg(table, slot, leg);

		if (place == NULL || load(&place->ack) != 0 || load(&place->end) != 0)
			return false;
	}
	return true;
}

struct gate_place
gate_positions_get(const struct gate_positions *table, uint32_t mark)
{
	uint32_t index = gate_place_of(mark);
	const struct gate_place *place = &table->place[index];

	if (index < PLACES_RESERVED || index >= gate_positions_count(table->slots))
		return (struct gate_place){0};
	return (struct gate_place){load(&place->ack), load(&place->end)};
}
