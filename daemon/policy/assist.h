/*
 * assist -- what may come next in a line, for TAB and `?`
 */
#ifndef DAEMON_POLICY_ASSIST_H
#define DAEMON_POLICY_ASSIST_H

#include "daemon/policy/cli.h"

/* help: also the forms of values, and <cr> where the line may end. Returns how many. */
unsigned assist(const struct cli_place *place, const struct config *config, const char *line,
    bool help, struct cli_candidate *candidates, unsigned most);

#endif
