#include "daemon/sync/text_parts.h"

#include <stdlib.h>
#include <string.h>

void
text_parts_clear(struct text_parts *text)
{
	free(text->bytes);
	*text = (struct text_parts){0};
}

static enum sync_reason
begin(struct text_parts *text, const struct sync_text *part)
{
	text_parts_clear(text);
	text->bytes = malloc(part->total > 0 ? part->total : 1);
	if (text->bytes == NULL)
		return SYNC_BAD_MEMORY;
	text->total = part->total;
	memcpy(text->generation, part->generation.data, sizeof(text->generation));
	return SYNC_GOOD;
}

static bool
goes_on(const struct text_parts *text, const struct sync_text *part)
{
	return text->bytes != NULL && part->total == text->total && part->offset == text->length &&
	       memcmp(part->generation.data, text->generation, sizeof(text->generation)) == 0;
}

enum sync_reason
text_parts_take(struct text_parts *text, const struct sync_text *part, bool *ret_is_whole)
{
	enum sync_reason reason = SYNC_GOOD;

	*ret_is_whole = false;
	if (part->offset == 0)
		reason = begin(text, part);
	else if (!goes_on(text, part))
		reason = SYNC_BAD_TEXT_ORDER;
	if (reason != SYNC_GOOD)
		return reason;
	if (part->part.length > 0)
		memcpy(text->bytes + text->length, part->part.data, part->part.length);
	text->length += (uint32_t)part->part.length;
	*ret_is_whole = text->length == text->total;
	return SYNC_GOOD;
}
