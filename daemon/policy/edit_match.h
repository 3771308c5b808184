/*
 * edit_match -- the match lines of an ESMTP map, and their actions
 */
#ifndef DAEMON_POLICY_EDIT_MATCH_H
#define DAEMON_POLICY_EDIT_MATCH_H

#include "daemon/policy/edit.h"

void edit_match(struct edit *edit);	   /* ... gt N */
void edit_match_reply(struct edit *edit);  /* ehlo-reply-parameter ... */
void edit_match_action(struct edit *edit); /* drop-connection, reset, mask, log, reject */

#endif
