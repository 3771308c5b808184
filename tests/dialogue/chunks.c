#include "tests/dialogue/chunks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void
chunks_done(struct chunks *chunks)
{
	for (size_t i = 0; i < chunks->count; i++)
		visible_done(&chunks->chunk[i].octets);
	free(chunks->chunk);
	free(chunks->sent);
	visible_done(&chunks->line);
	visible_done(&chunks->octets);
}

/* The size in a command of the client, however it is written; false when there is none. */
static bool
read_size(const char *line, uint64_t *size, const char **after)
{
	char *end;

	if (strncasecmp(line, "BDAT ", 5) != 0)
		return false;
	line += strspn(line + 4, " ") + 4;
	if (*line < '0' || *line > '9')
		return false;
	errno = 0;
	*size = strtoull(line, &end, 10);
	*after = end;
	return errno == 0 && (*end == ' ' || *end == '\r' || *end == '\n');
}

static void
add_chunk(struct chunks *chunks, uint64_t size, bool last)
{
	if (chunks->count == chunks->capacity) {
		chunks->capacity = chunks->capacity ? 2 * chunks->capacity : 16;
		chunks->chunk = realloc(chunks->chunk, chunks->capacity * sizeof(chunks->chunk[0]));
		if (!chunks->chunk)
			abort();
	}
	chunks->chunk[chunks->count++] =
	    (struct client_chunk){.size = size, .last = last, .first = chunks->begun};
	chunks->client_left = size;
	chunks->begun = false;
}

bool
chunks_client_byte(struct chunks *chunks, uint8_t byte)
{
	struct visible *line = &chunks->line;
	const char *after;
	uint64_t size;

	if (chunks->client_left) {
		visible_raw(&chunks->chunk[chunks->count - 1].octets, &byte, 1);
		chunks->client_left--;
		return false;
	}
	visible_raw(line, &byte, 1);
	if (byte != '\n')
		return false;
	if (strncasecmp(line->data, "MAIL ", 5) == 0)
		chunks->begun = true;
	else if (read_size(line->data, &size, &after))
		add_chunk(chunks, size, strncasecmp(after, " LAST", 5) == 0);
	visible_clear(line);
	return true;
}

/* Whether the server's transaction may have begun with that chunk of the client's. */
static bool
may_begin(const struct chunks *chunks, size_t start)
{
	size_t offset = 0;

	if (!chunks->unknown && !chunks->chunk[start].first)
		return false;
	for (size_t i = 0; i <= chunks->count_sent; i++) {
		if (start + i >= chunks->count)
			return false;
		const struct client_chunk *chunk = &chunks->chunk[start + i];
		bool now = i == chunks->count_sent;
		uint64_t length = now ? chunks->server_size - chunks->server_left : chunk->size;
		if (chunk->size != chunks->sent[i] || chunk->octets.length < length ||
		    (now && chunks->last && !chunk->last))
			return false;
		if (length && memcmp(chunk->octets.data, chunks->octets.data + offset, length) != 0)
			return false;
		offset += length;
	}
	return true;
}

/* Chunks that look alike may have been refused before: then it was one behind them. */
static const char *
find(struct chunks *chunks)
{
	while (chunks->start < chunks->count && !may_begin(chunks, chunks->start))
		chunks->start++;
	return chunks->start < chunks->count
		   ? NULL
		   : "the server got a chunk that the client did not send there";
}

static const char *
finish(struct chunks *chunks)
{
	chunks->owed = chunks->chunk[chunks->start + chunks->count_sent].last && !chunks->last;
	chunks->count_sent++;
	return NULL;
}

/* What the client has sent up to here belongs to what is over. */
static void
begin_transaction(struct chunks *chunks, bool unknown)
{
	chunks->start += chunks->count_sent;
	chunks->count_sent = 0;
	chunks->unknown = unknown;
	chunks->over = false;
	chunks->owed = false;
	visible_clear(&chunks->octets);
}

static void
add_size(struct chunks *chunks)
{
	if (chunks->count_sent == chunks->sent_capacity) {
		chunks->sent_capacity = chunks->sent_capacity ? 2 * chunks->sent_capacity : 16;
		chunks->sent =
		    realloc(chunks->sent, chunks->sent_capacity * sizeof(chunks->sent[0]));
		if (!chunks->sent)
			abort();
	}
	chunks->sent[chunks->count_sent] = chunks->server_size;
}

const char *
chunks_server_command(struct chunks *chunks, const char *line, size_t length, bool unknown)
{
	const char *after;

	if (line[5] < '0' || line[5] > '9' || !read_size(line, &chunks->server_size, &after))
		return "a BDAT without size toward the server";
	chunks->last = strncasecmp(after, " LAST\r\n", 7) == 0;
	if (after + (chunks->last ? 7 : 2) != line + length)
		return "a malformed BDAT toward the server";
	chunks->server_left = chunks->server_size;
	if (!chunks->over && chunks->owed && chunks->last && chunks->server_size == 0) {
		chunks->owed = false;
		return NULL;
	}
	if (chunks->over || unknown)
		begin_transaction(chunks, unknown);
	add_size(chunks);
	const char *fault = find(chunks);
	return fault || chunks->server_left ? fault : finish(chunks);
}

const char *
chunks_server_octet(struct chunks *chunks, uint8_t byte)
{
	const struct client_chunk *chunk = &chunks->chunk[chunks->start + chunks->count_sent];
	uint64_t at = chunks->server_size - chunks->server_left;
	bool same = at < chunk->octets.length && (uint8_t)chunk->octets.data[at] == byte;

	visible_raw(&chunks->octets, &byte, 1);
	chunks->server_left--;
	const char *fault = same ? NULL : find(chunks);
	return fault || chunks->server_left ? fault : finish(chunks);
}

void
chunks_clear(struct chunks *chunks)
{
	chunks->over = true;
}

bool
chunks_any(const struct chunks *chunks)
{
	return !chunks->over && chunks->count_sent > 0;
}
