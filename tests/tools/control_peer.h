/*
 * control_peer -- a gateway's control socket, asked for JSON
 *
 * As smtpguardctl does, one connection for all questions.  Ends the tool when the gateway does not answer,
 * or says something else than JSON.
 */
#ifndef TESTS_TOOLS_CONTROL_PEER_H
#define TESTS_TOOLS_CONTROL_PEER_H

#include <jansson.h>

struct control_peer;

struct control_peer *control_peer_open(const char *path);
void control_peer_close(struct control_peer *peer);
/* The answer; the caller releases it. */
json_t *control_peer_ask(struct control_peer *peer, const char *line);

#endif
