/*
 * edit_access_list -- `access-list`: entries and remarks, in their order
 *
 * The same line entered again is the same line.  A list that a class-map matches keeps a line.
 */
#ifndef DAEMON_POLICY_EDIT_ACCESS_LIST_H
#define DAEMON_POLICY_EDIT_ACCESS_LIST_H

#include "daemon/policy/edit.h"

void edit_access_entry(struct edit *edit); /* `no access-list NAME` alone: the whole list */
void edit_access_remark(struct edit *edit);
void edit_access_clear(struct edit *edit);

#endif
