/*
 * show_failover_digest -- `show failover digest`: what two hosts of a pair hold, in words to compare
 *
 * The digests of shm/session_digest.h, of sessions that this host serves or holds for the other one: at
 * most SHOW_FAILOVER_DIGEST_MOST of them from a slot on, with the slot to go on at, or of one slot with
 * the positions of the active (client's input, text to the client, server's input, text to the server).
 * A session whose record was not there, or changed all the time, is named and has no digests.
 */
#ifndef DAEMON_MANAGER_SHOW_FAILOVER_DIGEST_H
#define DAEMON_MANAGER_SHOW_FAILOVER_DIGEST_H

#include "daemon/manager/text.h"
#include "shm/region.h"

#define SHOW_FAILOVER_DIGEST_WORDS 5u
#define SHOW_FAILOVER_DIGEST_MOST  64u

/* words: none, a slot, or a slot and four positions.  False: they are others. */
bool show_failover_digest(
    const struct shm *shm, const char *const words[], unsigned count, bool json, struct text *out);

#endif
