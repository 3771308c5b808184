/*
 * sink_commands -- the SMTP commands that mailsink knows, as a table
 */
#ifndef TESTS_TOOLS_SINK_COMMANDS_H
#define TESTS_TOOLS_SINK_COMMANDS_H

#include "tests/tools/sink_session.h"

/* A line without its CRLF. The reply is added to the session's output. */
void sink_command(struct sink_session *session, const char *line, size_t length);

#endif
