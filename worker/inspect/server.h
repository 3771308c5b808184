/*
 * server -- the machine that reads the server's replies
 *
 * Matches them to commands by count, never by code or text (RFC 2920 3.1), and moves the state.
 */
#ifndef INSPECT_SERVER_H
#define INSPECT_SERVER_H

#include "worker/inspect/output.h"

/* Takes what can be taken of the server's bytes, and its end. */
void server_step(struct builder *build);

#endif
