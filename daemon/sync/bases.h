/*
 * bases -- of which sessions the log holds the beginning
 *
 * A session enters a log by an entry that tells all of it; before, nothing of it can be told, or
 * understood.  Both hosts keep this: the active to know what belongs into the log and from which
 * entry on a session is protected, the standby to find out if the log breaks the rule.  One entry for
 * each slot, heap, taken once.  Called by sync only.
 */
#ifndef DAEMON_SYNC_BASES_H
#define DAEMON_SYNC_BASES_H

#include <stdbool.h>
#include <stdint.h>

struct bases;

/* NULL: no memory. */
struct bases *bases_create(uint32_t slots);
void bases_destroy(struct bases *bases);

void bases_clear(struct bases *bases);
/* false: a slot beyond those there are. */
bool bases_begin(struct bases *bases, uint32_t slot, uint32_t generation);
bool bases_has(const struct bases *bases, uint32_t slot, uint32_t generation);
void bases_end(struct bases *bases, uint32_t slot, uint32_t generation);

/* The session's first record since bases_begin() is entry `lsn`; later ones change nothing. */
void bases_complete(struct bases *bases, uint32_t slot, uint32_t generation, uint64_t lsn);
/* 0: nothing that another host could carry on is in the log. */
uint64_t bases_complete_at(const struct bases *bases, uint32_t slot, uint32_t generation);

#endif
