/*
 * choice -- which worker carries a session
 *
 * One that is ready and, of those whose programs are nearest to this one's own, the one with the fewest
 * sessions: the way to the programs on disk may also lead back to older ones.  While workers of two
 * versions run (daemon/supervisor/upgrade.h), a session that has a record goes to one
 * that understands it; it waits for such a worker if there will be one.  If none of those that are
 * ready can be replaced before it is empty, the first one gets all new sessions.
 *
 * Supervisor only.  CUSTODY_UNOWNED: nobody now.
 */
#ifndef SUPERVISOR_CHOICE_H
#define SUPERVISOR_CHOICE_H

#include "daemon/supervisor/supervisor.h"

/* For a session that has no record yet. */
uint8_t choice_any(const struct supervisor *supervisor);
uint8_t choice_for(const struct supervisor *supervisor, uint32_t slot);

#endif
