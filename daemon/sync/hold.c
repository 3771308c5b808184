#include "daemon/sync/hold.h"

#include <stdlib.h>
#include <string.h>

struct place {
	size_t offset;
	size_t length;
	bool is_secret;
};

struct hold {
	uint8_t *memory;
	size_t size;
	size_t tail; /* where the newest ends */
	uint32_t entries;
	uint64_t first, next;
	size_t bytes;	      /* of all that is held */
	struct place place[]; /* of lsn at lsn % entries */
};

struct hold *
hold_create(size_t bytes, uint32_t entries)
{
	struct hold *hold = calloc(1, sizeof(*hold) + entries * sizeof(hold->place[0]));

	if (hold == NULL)
		return NULL;
	hold->memory = malloc(bytes);
	if (hold->memory == NULL) {
		free(hold);
		return NULL;
	}
	hold->size = bytes;
	hold->entries = entries;
	hold->first = hold->next = 1;
	return hold;
}

void
hold_destroy(struct hold *hold)
{
	if (hold == NULL)
		return;
	hold_release(hold, hold->next - 1);
	free(hold->memory);
	free(hold);
}

uint64_t
hold_first(const struct hold *hold)
{
	return hold->first;
}

uint64_t
hold_next(const struct hold *hold)
{
	return hold->next;
}

size_t
hold_bytes(const struct hold *hold)
{
	return hold->bytes;
}

static struct place *
place_of(struct hold *hold, uint64_t lsn)
{
	return &hold->place[lsn % hold->entries];
}

/* An entry lies in one piece: behind the newest, or from the start of the memory again. */
static bool
find_room(struct hold *hold, size_t length, size_t *ret_offset)
{
	if (hold->first == hold->next) {
		*ret_offset = 0;
		return length <= hold->size;
	}
	size_t head = place_of(hold, hold->first)->offset;
	if (hold->tail <= head) {
		*ret_offset = hold->tail;
		return length < head - hold->tail;
	}
	if (length <= hold->size - hold->tail) {
		*ret_offset = hold->tail;
		return true;
	}
	*ret_offset = 0;
	return length < head;
}

bool
hold_append(struct hold *hold, const uint8_t *bytes, size_t length, bool is_secret)
{
	size_t offset;

	if (hold->next - hold->first == hold->entries || !find_room(hold, length, &offset))
		return false;
	memcpy(hold->memory + offset, bytes, length);
	*place_of(hold, hold->next) = (struct place){offset, length, is_secret};
	hold->tail = offset + length;
	hold->bytes += length;
	hold->next++;
	return true;
}

bool
hold_get(const struct hold *hold, uint64_t lsn, struct held *ret_held)
{
	if (lsn < hold->first || lsn >= hold->next)
		return false;
	const struct place *place = &hold->place[lsn % hold->entries];
	*ret_held = (struct held){{hold->memory + place->offset, place->length}, place->is_secret};
	return true;
}

void
hold_release(struct hold *hold, uint64_t lsn)
{
	for (; hold->first <= lsn && hold->first < hold->next; hold->first++) {
		const struct place *place = place_of(hold, hold->first);

		explicit_bzero(hold->memory + place->offset, place->length);
		hold->bytes -= place->length;
	}
}
