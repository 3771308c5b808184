#include "tests/tools/sink_chunk.h"

#include "tests/tools/sink_delivery.h"

#include <string.h>

/* "SIZE" or "SIZE LAST" behind a space. */
static bool
announcement_parse(const char *text, size_t length, uint64_t *ret_size, bool *ret_last)
{
	uint64_t size = 0;
	size_t at = 1;

	for (; at < length && text[at] >= '0' && text[at] <= '9'; at++) {
		if (size > UINT64_MAX / 20)
			return false;
		size = size * 10 + (uint64_t)(text[at] - '0');
	}
	*ret_size = size;
	*ret_last = length - at == 5 && memcmp(text + at, " LAST", 5) == 0;
	return length > 1 && text[0] == ' ' && at > 1 && (at == length || *ret_last);
}

static void
chunk_complete(struct sink_session *session)
{
	session->state = SINK_COMMANDS;
	if (!session->chunk_wanted)
		buffer_print(&session->output, "503 5.5.1 No recipient\r\n");
	else if (session->chunk_last)
		sink_delivery_complete(session);
	else
		buffer_print(&session->output, "250 2.0.0 Chunk noted\r\n");
}

void
sink_chunk_begin(struct sink_session *session, const char *argument, size_t length)
{
	if (!announcement_parse(argument, length, &session->chunk_left, &session->chunk_last)) {
		sink_violation(session, "BDAT without a size");
		buffer_print(&session->output, "501 5.5.4 Not a size\r\n");
		return;
	}
	session->chunk_wanted = session->recipients > 0;
	if (session->chunk_wanted && session->message == NULL)
		sink_delivery_begin(session, SINK_CHUNK);
	session->state = SINK_CHUNK;
	if (session->chunk_left == 0)
		chunk_complete(session);
}

size_t
sink_chunk_feed(struct sink_session *session, const char *bytes, size_t length)
{
	if (length > session->chunk_left)
		length = (size_t)session->chunk_left;
	if (session->chunk_wanted)
		sink_message_feed_chunk(session->message, bytes, length);
	session->chunk_left -= length;
	if (session->chunk_left == 0)
		chunk_complete(session);
	return length;
}
