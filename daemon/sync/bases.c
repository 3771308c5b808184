#include "daemon/sync/bases.h"

#include <stdlib.h>
#include <string.h>

struct base {
	uint32_t generation; /* 0: none */
	uint64_t complete;   /* lsn; 0: not yet */
};

struct bases {
	uint32_t slots;
	struct base base[];
};

struct bases *
bases_create(uint32_t slots)
{
	struct bases *bases = calloc(1, sizeof(*bases) + slots * sizeof(bases->base[0]));

	if (bases != NULL)
		bases->slots = slots;
	return bases;
}

void
bases_destroy(struct bases *bases)
{
	free(bases);
}

void
bases_clear(struct bases *bases)
{
	memset(bases->base, 0, bases->slots * sizeof(bases->base[0]));
}

bool
bases_begin(struct bases *bases, uint32_t slot, uint32_t generation)
{
	if (slot >= bases->slots)
		return false;
	bases->base[slot] = (struct base){.generation = generation};
	return true;
}

bool
bases_has(const struct bases *bases, uint32_t slot, uint32_t generation)
{
	return slot < bases->slots && generation != 0 && bases->base[slot].generation == generation;
}

void
bases_end(struct bases *bases, uint32_t slot, uint32_t generation)
{
	if (bases_has(bases, slot, generation))
		bases->base[slot] = (struct base){0};
}

void
bases_complete(struct bases *bases, uint32_t slot, uint32_t generation, uint64_t lsn)
{
	if (bases_has(bases, slot, generation) && bases->base[slot].complete == 0)
		bases->base[slot].complete = lsn;
}

uint64_t
bases_complete_at(const struct bases *bases, uint32_t slot, uint32_t generation)
{
	return bases_has(bases, slot, generation) ? bases->base[slot].complete : 0;
}
