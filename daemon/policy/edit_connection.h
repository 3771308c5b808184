/*
 * edit_connection -- `set connection` in a class of a policy-map
 *
 * What is not named in a line stays as it was; all of it is printed as one line.
 */
#ifndef DAEMON_POLICY_EDIT_CONNECTION_H
#define DAEMON_POLICY_EDIT_CONNECTION_H

#include "daemon/policy/edit.h"

void edit_set_connection(struct edit *edit);
void edit_no_set_connection(struct edit *edit);

#endif
