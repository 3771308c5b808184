/*
 * client -- the machine that reads the client's commands
 *
 * A line goes to the server as it came, or not at all.  What must not be overtaken by a reply
 * (DATA, STARTTLS, AUTH, EHLO, QUIT: RFC 2920 3.1, RFC 3207 4, RFC 4954 4) stops it until the reply
 * has come.
 */
#ifndef INSPECT_CLIENT_H
#define INSPECT_CLIENT_H

#include "worker/inspect/output.h"

/* Takes what can be taken of the client's bytes, and its end. */
void client_step(struct builder *build);

#endif
