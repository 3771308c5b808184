/*
 * edit_static -- `hostname` and `static`
 */
#ifndef DAEMON_POLICY_EDIT_STATIC_H
#define DAEMON_POLICY_EDIT_STATIC_H

#include "daemon/policy/edit.h"

void edit_hostname(struct edit *edit);
void edit_static(struct edit *edit);

#endif
