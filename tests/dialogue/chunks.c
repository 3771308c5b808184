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

/* Whether that chunk of the client's may be the one that the server gets, as far as it has. */
static bool
may_be(const struct chunks *chunks, const struct client_chunk *chunk)
{
	size_t length = chunks->octets.length;

	return chunk->size == chunks->server_size && (chunks->any || chunk->first) &&
	       (chunk->last || !chunks->last) && chunk->octets.length >= length &&
	       (length == 0 || memcmp(chunk->octets.data, chunks->octets.data, length) == 0);
}

/* Others than the very next may have been refused only before the transaction's first. */
static const char *
find(struct chunks *chunks)
{
	size_t end = chunks->any && chunks->next < chunks->count ? chunks->next + 1 : chunks->count;

	while (chunks->at < end && !may_be(chunks, &chunks->chunk[chunks->at]))
		chunks->at++;
	return chunks->at < end ? NULL
				: "the server got a chunk that the client did not send there";
}

static const char *
finish(struct chunks *chunks)
{
	chunks->owed = chunks->chunk[chunks->at].last && !chunks->last;
	chunks->next = chunks->at + 1;
	chunks->any = true;
	return NULL;
}

const char *
chunks_server_command(struct chunks *chunks, const char *line, size_t length)
{
	const char *after;

	if (line[5] < '0' || line[5] > '9' || !read_size(line, &chunks->server_size, &after))
		return "a BDAT without size toward the server";
	chunks->last = strncasecmp(after, " LAST\r\n", 7) == 0;
	if (after + (chunks->last ? 7 : 2) != line + length)
		return "a malformed BDAT toward the server";
	chunks->server_left = chunks->server_size;
	visible_clear(&chunks->octets);
	if (chunks->owed && chunks->last && chunks->server_size == 0) {
		chunks->owed = false;
		return NULL;
	}
	chunks->at = chunks->next;
	const char *fault = find(chunks);
	return fault || chunks->server_left ? fault : finish(chunks);
}

const char *
chunks_server_octet(struct chunks *chunks, uint8_t byte)
{
	visible_raw(&chunks->octets, &byte, 1);
	chunks->server_left--;
	const char *fault = find(chunks);
	return fault || chunks->server_left ? fault : finish(chunks);
}

void
chunks_clear(struct chunks *chunks)
{
	chunks->any = false;
	chunks->owed = false;
}
