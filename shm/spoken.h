/*
 * spoken -- which clients may have given their first valid command
 *
 * One bit per slot, in sessions.  A session is embryonic until its record says RECORD_SPOKEN; to
 * learn which are not any more, the supervisor would have to read the record of each.  So a worker
 * sets the slot's bit before it publishes the first such record, and clears it when it begins a
 * session: of all records, those with the bit are worth reading.  The record decides; a bit that is
 * set for nothing costs a look.
 *
 * Several workers write one word; nobody waits.  Called by the workers (set, clear) and the
 * supervisor (word).
 */
#ifndef SHM_SPOKEN_H
#define SHM_SPOKEN_H

#include "shm/region.h"

#define SPOKEN_BITS	    64u
#define SPOKEN_WORDS(slots) (((slots) + SPOKEN_BITS - 1) / SPOKEN_BITS)

/* A slot out of range is nothing. */
void spoken_set(const struct shm *shm, uint32_t slot);
void spoken_clear(const struct shm *shm, uint32_t slot);
/* Slots SPOKEN_BITS * index and following, the first in bit 0; 0 out of range. */
uint64_t spoken_word(const struct shm *shm, uint32_t index);

#endif
