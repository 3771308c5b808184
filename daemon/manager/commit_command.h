/*
 * commit_command -- `commit`, `commit check`, `rollback`, `clear candidate`
 *
 * What the operator has typed, as commit.h has it.  Permission, and that this host may change anything, were
 * checked.  Return sysexits; *out is the answer.
 */
#ifndef DAEMON_MANAGER_COMMIT_COMMAND_H
#define DAEMON_MANAGER_COMMIT_COMMAND_H

#include "daemon/manager/commit.h"
#include "daemon/policy/cli.h"

int commit_command(
    struct commit *commit, const struct cli_outcome *outcome, const char *by, struct text *out);
int commit_command_check(struct commit *commit, struct text *out);
int commit_command_rollback(
    struct commit *commit, const struct cli_outcome *outcome, const char *by, struct text *out);
int commit_command_clear(struct commit *commit, struct text *out);

#endif
