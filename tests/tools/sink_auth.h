/*
 * sink_auth -- AUTH at mailsink: PLAIN and LOGIN, and whether each octet of the credentials is right
 */
#ifndef TESTS_TOOLS_SINK_AUTH_H
#define TESTS_TOOLS_SINK_AUTH_H

#include "tests/tools/sink_session.h"

void sink_auth_begin(struct sink_session *session, const char *argument, size_t length);
/* A line of the exchange, while session->auth is not AUTH_NONE. */
void sink_auth_line(struct sink_session *session, const char *line, size_t length);

#endif
