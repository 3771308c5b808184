/*
 * ending -- how a finished session leaves
 *
 * A session is over when its record says FINISHED.  Each leg then goes as the record's `ending`
 * says; one that ended by FIN keeps its descriptor until the peer has acknowledged all output (or
 * ENDING_WAIT_MS are over), because a close over unread input would send an RST that destroys
 * output still under way.
 *
 * A leg that this host has made (leg_restore.h) waits in FIN_WAIT2 for a FIN that the other host has had:
 * it ends without a packet, as it would by itself had its kernel seen both.  Left to the kernel it would
 * stand for a minute more, and answer a client that comes back from the same port by RST.
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
