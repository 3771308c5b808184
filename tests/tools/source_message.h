/*
 * source_message -- which message a session sends next, and what has become of it
 */
#ifndef TESTS_TOOLS_SOURCE_MESSAGE_H
#define TESTS_TOOLS_SOURCE_MESSAGE_H

#include "tests/tools/ledger.h"

#include <stddef.h>

struct source_session;

/* Sets session->message_name and session->chunked by phase, variant and the options of the run. */
void source_message_begin(struct source_session *session);
/* Writes the ledger's line; `detail` is what the server has said. */
void source_message_result(
    struct source_session *session, enum ledger_result result, const char *detail, size_t length);
/* The session ends: a message that is under way is left behind. */
void source_message_leave(struct source_session *session);

#endif
