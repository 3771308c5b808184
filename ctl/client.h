/*
 * client -- the connection of smtpguardctl to the manager
 *
 * One request at a time; the replies to it are given to a function as they come, the last one has
 * reply.final.  An answer that has no end (`show events follow`) is stopped by asking the next
 * thing: client_ask() sends an empty line when its function wants no more, or, after
 * client_catch_interrupt(), when SIGINT comes.  Blocking; called by the command line and by the
 * shell.
 *
 * Errors: 0, or a sysexits value after a message on stderr that names the socket (69: nobody
 * listens there, 77: no permission, 76: what came was no reply).
 */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include "proto/control_codec.h"

#include <stdbool.h>

struct client;

/* Called for each reply; what `reply` points to is good until it returns. false: no more of it. */
typedef bool client_reply_f(void *context, const struct control_reply *reply);

int client_open(const char *path, struct client **ret_client);
void client_close(struct client *client);
/* From now on SIGINT stops the answer that is being given, and not the program. */
void client_catch_interrupt(struct client *client);

/* Sends the request and gives every reply to it to `take`. *ret_status: the last one's status;
 * EX_OK when it was stopped. */
int client_ask(struct client *client, enum control_kind kind, const char *line, bool json,
    client_reply_f *take, void *context, unsigned *ret_status);

#endif
