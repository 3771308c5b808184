#include "worker/inspect/mime_boundary.h"

#include <string.h>

#define HASH_BEGIN 2166136261u /* FNV-1a: who makes two that are equal harms his own message */

static uint32_t
hash_more(uint32_t hash, uint8_t octet)
{
	return (hash ^ octet) * 16777619u;
}

/* Before the first that is longer. */
static void
insert(struct content_extra *extra, const struct content_boundary *boundary)
{
	unsigned at = extra->boundaries++;

	for (; at > 0 && extra->boundary[at - 1].length > boundary->length; at--)
		extra->boundary[at] = extra->boundary[at - 1];
	extra->boundary[at] = *boundary;
}

void
mime_boundary_add_any(struct content_extra *extra)
{
	extra->boundary[0] = (struct content_boundary){.hash = HASH_BEGIN, .digest = 1};
	extra->boundaries = 1;
}

void
mime_boundary_add(struct content_extra *extra, const uint8_t *text, size_t length, bool digest)
{
	struct content_boundary boundary = {.hash = HASH_BEGIN, .digest = digest};

	/* RFC 2046 5.1.1: never its last octet. */
	while (length && (text[length - 1] == ' ' || text[length - 1] == '\t'))
		length--;
	if (length > CONTENT_BOUNDARY_MAX)
		length = CONTENT_BOUNDARY_MAX;
	for (size_t i = 0; i < length; i++)
		boundary.hash = hash_more(boundary.hash, text[i]);
	boundary.length = (uint16_t)length;
	for (unsigned i = 0; i < extra->boundaries; i++) {
		struct content_boundary *known = &extra->boundary[i];
		if (known->length == length && known->hash == boundary.hash) {
			known->digest |= boundary.digest;
			return;
		}
	}
	if (extra->boundaries == CONTENT_BOUNDARIES)
		mime_boundary_add_any(extra);
	else
		insert(extra, &boundary);
}

enum mime_line
mime_boundary_match(const struct content_extra *extra, const uint8_t *line, size_t length)
{
	enum mime_line found = MIME_LINE_TEXT;
	uint32_t hash = HASH_BEGIN;
	size_t at = 2;

	if (length < 2 || line[0] != '-' || line[1] != '-')
		return MIME_LINE_TEXT;
	for (unsigned i = 0; i < extra->boundaries; i++) {
		const struct content_boundary *boundary = &extra->boundary[i];
		if (length < 2u + boundary->length)
			break;
		for (; at < 2u + boundary->length; at++)
			hash = hash_more(hash, line[at]);
		if (hash != boundary->hash)
			continue;
		bool closes = length - at >= 2 && line[at] == '-' && line[at + 1] == '-';
		if (boundary->length && closes) /* by one reader's boundary; another's may open */
			found = found == MIME_LINE_TEXT ? MIME_LINE_CLOSE : found;
		else if (boundary->digest)
			found = MIME_LINE_DIGEST;
		else if (found != MIME_LINE_DIGEST)
			found = MIME_LINE_PART;
	}
	return found;
}

bool
mime_boundary_check(const struct content_extra *extra)
{
	if (extra->boundaries > CONTENT_BOUNDARIES)
		return false;
	for (unsigned i = 0; i < extra->boundaries; i++) {
		const struct content_boundary *boundary = &extra->boundary[i];
		if (boundary->length > CONTENT_BOUNDARY_MAX || boundary->digest > 1 ||
		    boundary->spare || (i && boundary->length < boundary[-1].length))
			return false;
	}
	return true;
}
