/*
 * edit_match -- the match lines of an ESMTP map, and their actions
 *
 * A match line enters (config-pmap-c)#, where its action is given.  The same match entered again
 * is the same line; lines keep the order of entry.
 */
#ifndef DAEMON_POLICY_EDIT_MATCH_H
#define DAEMON_POLICY_EDIT_MATCH_H

#include "daemon/policy/edit.h"

void edit_match(struct edit *edit);
void edit_match_action(struct edit *edit); /* drop-connection, reset, mask, log */
void edit_match_reject(struct edit *edit);

/* Warns if the line that the command has left has no action yet. */
void edit_match_left(struct edit *edit, const struct cli_place *before);

#endif
