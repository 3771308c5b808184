/*
 * edit_class_map -- `class-map`: to which sessions the actions of a policy-map's class apply
 *
 * A class-map has one match.  inspection_default is built in: what no other class takes.
 */
#ifndef DAEMON_POLICY_EDIT_CLASS_MAP_H
#define DAEMON_POLICY_EDIT_CLASS_MAP_H

#include "daemon/policy/edit.h"

void edit_class_map(struct edit *edit);
void edit_class_map_description(struct edit *edit);
void edit_class_match_list(struct edit *edit);
void edit_class_match_any(struct edit *edit);
void edit_class_match_default(struct edit *edit);

#endif
