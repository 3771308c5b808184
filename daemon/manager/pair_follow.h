/*
 * pair_follow -- the configuration of a pair on the host that is told it
 *
 * What sync has laid out is compiled, loaded and kept like a change of this host's own, and what is saved on
 * the active is saved; of two saved ones the higher (epoch, serial) stays.  The verdict, with the reason why
 * this host cannot run by it, is laid out for sync (shm/pair_texts.h).  Candidate and confirm timer are kept
 * as the active has them, and so is that it has none.
 *
 * A text counts as looked at when it was taken or refused: one in which the manager dies is taken by the
 * next one.  Called by the manager only, on either host.
 */
#ifndef DAEMON_MANAGER_PAIR_FOLLOW_H
#define DAEMON_MANAGER_PAIR_FOLLOW_H

#include "daemon/manager/commit.h"

/* At each turn. */
void pair_follow_tick(struct pair_config *pair, struct running *running, struct commit *commit);

#endif
