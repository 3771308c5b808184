/*
 * source_stream -- what a session of mailsource reads and writes
 *
 * Replies go to source_reply as they become complete; an end or an error of the connection that the
 * session's step does not allow is a failure.  The session may be over afterwards.
 */
#ifndef TESTS_TOOLS_SOURCE_STREAM_H
#define TESTS_TOOLS_SOURCE_STREAM_H

#include <stdbool.h>

struct source_session;

void source_stream_read(struct source_session *session);
/* Fills the output from the body and writes it, a bounded amount at a time. */
void source_stream_write(struct source_session *session);
void source_stream_handshake(struct source_session *session);
/* The other side has ended the connection: "" by FIN, else the error. */
void source_stream_ended(struct source_session *session, const char *how);
/* It is no failure if it does. */
bool source_stream_may_be_lost(const struct source_session *session);
/* Something came or went: that long it had been silent. */
void source_stream_note(struct source_session *session);

#endif
