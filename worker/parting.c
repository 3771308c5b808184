#include "worker/parting.h"

#include "shm/slot.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

int
parting_open(struct parting *parting, uint32_t slots)
{
	void *memory = mmap(NULL, (size_t)slots * sizeof(*parting->entry), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	*parting = (struct parting){.capacity = slots};
	if (memory == MAP_FAILED)
		return -errno;
	parting->entry = memory;
	return 0;
}

static void
entry_close(const struct parting_entry *entry)
{
	for (int leg = 0; leg < SHM_LEGS; leg++)
		if (entry->descriptor[leg] >= 0)
			close(entry->descriptor[leg]);
}

void
parting_close(struct parting *parting)
{
	for (uint32_t i = 0; i < parting->count; i++)
		entry_close(&parting->entry[i]);
	if (parting->entry != NULL)
		munmap(parting->entry, (size_t)parting->capacity * sizeof(*parting->entry));
	*parting = (struct parting){0};
}

void
parting_add(struct parting *parting, const struct parting_entry *entry)
{
	/* As many as there are slots: one that does not fit would be here twice. */
	if (parting->count == parting->capacity)
		entry_close(entry);
	else
		parting->entry[parting->count++] = *entry;
}

static bool
is_taken_back(const struct shm *shm, const struct parting_entry *entry)
{
	const struct slot_custody *custody = shm_custody(shm, entry->slot);
	uint32_t state = atomic_load_explicit(&custody->state, memory_order_acquire);

	return !slot_is_session(state) || state == SLOT_ENDING ||
	       atomic_load_explicit(&custody->generation, memory_order_relaxed) !=
		   entry->generation;
}

void
parting_look(struct parting *parting, const struct shm *shm)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < parting->count; i++) {
		const struct parting_entry *entry = &parting->entry[i];

		if (is_taken_back(shm, entry))
			entry_close(entry);
		else
			parting->entry[kept++] = *entry;
	}
	parting->count = kept;
}
