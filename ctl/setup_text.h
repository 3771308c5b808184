/*
 * setup_text -- the files of one host of a pair, out of the answers of setup
 *
 * keepalived's is the shipped example (packaging/keepalived/keepalived.conf) with its values replaced.
 * Pure; `host` is 0 or 1, the place of its name among the answers.  The caller has inited the texts.
 */
#ifndef CTL_SETUP_TEXT_H
#define CTL_SETUP_TEXT_H

#include "ctl/setup.h"
#include "daemon/manager/text.h"

void setup_text_settings(const struct setup *setup, unsigned host, struct text *out);
void setup_text_keepalived(const struct setup *setup, unsigned host, struct text *out);
/* How the files get to where they are read, for both hosts. */
void setup_text_steps(const struct setup *setup, const char *folder, struct text *out);

/* false: smtpguardd would not take the settings of one of the hosts; `errors` says why. */
bool setup_text_check(const struct setup *setup, struct text *errors);

#endif
