/*
 * edit_policy -- `policy-map NAME`, its classes, and `service-policy`
 *
 * Classes are asked in the order in which they were entered, inspection_default last, wherever it
 * was typed.
 */
#ifndef DAEMON_POLICY_EDIT_POLICY_H
#define DAEMON_POLICY_EDIT_POLICY_H

#include "daemon/policy/edit.h"

void edit_policy_map(struct edit *edit);
void edit_policy_description(struct edit *edit);
void edit_class(struct edit *edit);
void edit_inspect(struct edit *edit);
void edit_inspect_raw(struct edit *edit);
void edit_service_policy(struct edit *edit);

/* Warns if the class that the command has left takes no session yet. */
void edit_class_left(struct edit *edit, const struct cli_place *before);

#endif
