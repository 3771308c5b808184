/*
 * command_action -- carries out the EXEC commands that the grammar has recognised
 *
 * Permission has been checked.  Returns a sysexits status; the text for the operator is in *out.
 * `show events follow` marks the client as following and returns EX_OK with the events so far.
 */
#ifndef DAEMON_MANAGER_COMMAND_ACTION_H
#define DAEMON_MANAGER_COMMAND_ACTION_H

#include "daemon/manager/manager.h"

struct command_action {
	struct manager *manager;
	struct control_client *client;
	const struct control_request *request;
	const struct cli_outcome *outcome;
	struct text *out;
};

int command_action_run(struct command_action *action);

#endif
