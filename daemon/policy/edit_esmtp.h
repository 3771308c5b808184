/*
 * edit_esmtp -- `policy-map type inspect esmtp` and its parameters
 */
#ifndef DAEMON_POLICY_EDIT_ESMTP_H
#define DAEMON_POLICY_EDIT_ESMTP_H

#include "daemon/policy/edit.h"

void edit_esmtp_map(struct edit *edit);
void edit_esmtp_description(struct edit *edit);
void edit_nothing(struct edit *edit); /* what the ASA prints and is so here */
void edit_parameters(struct edit *edit);
void edit_banner(struct edit *edit);
void edit_allow_tls(struct edit *edit);
void edit_greeting_delay(struct edit *edit);
void edit_allow_verb(struct edit *edit);
void edit_allow_extension(struct edit *edit);
/* Those of parameters.def that are a flag, a choice or a number. */
void edit_parameter(struct edit *edit);

#endif
