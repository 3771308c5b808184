/*
 * sink_delivery -- a message at mailsink, from its first byte until it is answered or given up
 */
#ifndef TESTS_TOOLS_SINK_DELIVERY_H
#define TESTS_TOOLS_SINK_DELIVERY_H

#include "tests/tools/sink_session.h"

/* state: SINK_DATA or SINK_CHUNK. */
void sink_delivery_begin(struct sink_session *session, enum sink_state state);
/* The end of data has come; the reply may be held back. */
void sink_delivery_complete(struct sink_session *session);
/* Verdict, ledger and reply of a complete message. */
void sink_delivery_answer(struct sink_session *session);
/* The transaction is over without an end of data: what has come of a message is told. */
void sink_delivery_abandon(struct sink_session *session);
void sink_delivery_drop(struct sink_session *session);

#endif
