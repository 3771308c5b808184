/*
 * sink_chunk -- content in chunks at mailsink (RFC 3030)
 */
#ifndef TESTS_TOOLS_SINK_CHUNK_H
#define TESTS_TOOLS_SINK_CHUNK_H

#include "tests/tools/sink_session.h"

/* BDAT: what follows is the chunk, also where it is refused. */
void sink_chunk_begin(struct sink_session *session, const char *argument, size_t length);
/* Within a chunk: takes bytes of it, answers it when all are there.  Returns how many. */
size_t sink_chunk_feed(struct sink_session *session, const char *bytes, size_t length);

#endif
