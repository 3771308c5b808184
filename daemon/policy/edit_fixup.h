/*
 * edit_fixup -- `fixup protocol smtp`, as the PIX had it
 *
 * For the statics that listen on its ports a fixup stands in the place of class
 * inspection_default: they are inspected by the compatibility map, or with `no` not at all.
 */
#ifndef DAEMON_POLICY_EDIT_FIXUP_H
#define DAEMON_POLICY_EDIT_FIXUP_H

#include "daemon/policy/edit.h"

void edit_fixup(struct edit *edit);
void edit_fixup_clear(struct edit *edit); /* all: the service-policies decide again */

#endif
