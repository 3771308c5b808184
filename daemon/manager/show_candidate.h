/*
 * show_candidate -- `show candidate`, `show configuration diff`, `show configuration history`
 *
 * All three answer too when there is no candidate, and say how long a commit that is not confirmed has.
 * Return sysexits; on failure *out holds the reason as a line that begins with "%".
 */
#ifndef DAEMON_MANAGER_SHOW_CANDIDATE_H
#define DAEMON_MANAGER_SHOW_CANDIDATE_H

#include "daemon/manager/commit.h"

int show_candidate(const struct commit *commit, bool json, struct text *out);
int show_configuration_diff(const struct commit *commit, bool json, struct text *out);
int show_configuration_history(const struct commit *commit, bool json, struct text *out);

#endif
