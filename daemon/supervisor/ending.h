/*
 * ending -- how a finished session leaves
 *
 * A session is over when its record says FINISHED.  Each leg then goes as the record's `ending`
 * says; one that ended by FIN keeps its descriptor until the peer has acknowledged all output (or
 * ENDING_WAIT_MS are over), because a close over unread input would send an RST that destroys
 * output still under way.
 */
#ifndef SUPERVISOR_ENDING_H
#define SUPERVISOR_ENDING_H

#include "daemon/supervisor/supervisor.h"

#define ENDING_WAIT_MS 60000u

/* The worker is done with it: takes the slot back. */
void ending_begin(struct supervisor *supervisor, uint32_t slot, const struct record *record);
/* RST (or silence) on one leg, as the record's ending says; nothing for any other ending. */
void ending_reset_leg(
    struct supervisor *supervisor, uint32_t slot, enum shm_leg leg, const struct record *record);
/* Looks at the legs that are still waited for. */
void ending_tick(struct supervisor *supervisor);

#endif
