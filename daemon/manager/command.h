/*
 * command -- what one request of the control socket does
 *
 * A configuration line is tried on a clone; only when it is understood, permitted, compiled and
 * applied does the clone become the running configuration; behind `configure candidate` it becomes the
 * candidate, which is not compiled.  Every change is an event with the
 * user's name.
 */
#ifndef DAEMON_MANAGER_COMMAND_H
#define DAEMON_MANAGER_COMMAND_H

#include "daemon/manager/manager.h"

/* context: struct manager */
void command_request(
    void *context, struct control_client *client, const struct control_request *request);

/* Gives an event to those who follow. */
void command_follow(void *context, const struct event *event);
/* Sends what was given; after a batch of events. */
void command_follow_flush(struct manager *manager);

#endif
