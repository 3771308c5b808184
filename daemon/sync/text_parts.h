/*
 * text_parts -- a text that comes in parts
 *
 * One for each kind (enum sync_text_kind).  Parts come in order and belong together by generation and
 * length; the first one begins anew.  Heap as long as a text is not whole, at most SYNC_TEXT_MAX.  Called by
 * the replica.
 */
#ifndef DAEMON_SYNC_TEXT_PARTS_H
#define DAEMON_SYNC_TEXT_PARTS_H

#include "proto/sync_reason.h"
#include "proto/sync_types.h"

struct text_parts {
	uint8_t *bytes; /* NULL: none has begun */
	uint32_t total, length;
	uint8_t generation[SYNC_GENERATION_SIZE];
};

void text_parts_clear(struct text_parts *text);
/* is_whole: `bytes` is all of it, until text_parts_clear(). */
enum sync_reason text_parts_take(
    struct text_parts *text, const struct sync_text *part, bool *ret_is_whole);

#endif
