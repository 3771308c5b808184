/*
 * edit_mode -- commands that only change the mode, and the way outward through the modes
 */
#ifndef DAEMON_POLICY_EDIT_MODE_H
#define DAEMON_POLICY_EDIT_MODE_H

#include "daemon/policy/edit.h"

void edit_enable(struct edit *edit);
void edit_disable(struct edit *edit);
void edit_configure(struct edit *edit);
void edit_configure_candidate(struct edit *edit);
void edit_exit(struct edit *edit);
void edit_end(struct edit *edit);

/* To that mode, with no names; configuration modes stay those of the candidate. */
void edit_mode_go(struct cli_place *place, enum cli_mode mode);
/* One mode outward; CLI_CONFIG leads to CLI_EXEC. */
void edit_mode_leave(struct cli_place *place);

#endif
