/*
 * session_draft -- one entry about a session, in the making
 *
 * Holds the bytes of its pieces, so that they are copied out of the windows before they are encoded; an
 * entry within these bounds fits SYNC_ENTRY_MAX whatever its record is.  Called by telling.
 */
#ifndef DAEMON_SYNC_SESSION_DRAFT_H
#define DAEMON_SYNC_SESSION_DRAFT_H

#include "proto/sync_types.h"
#include "shm/region.h"
#include "shm/streams.h"

#define SESSION_DRAFT_BYTES (3u * SYNC_PIECE_MAX)

struct session_draft {
	struct sync_entry entry;
	size_t used; /* of `bytes` */
	struct sync_piece piece[SYNC_PIECES_MAX];
	struct sync_trim trim[SYNC_TRIMS_MAX];
	uint8_t bytes[SESSION_DRAFT_BYTES];
};

void session_draft_begin(struct session_draft *draft, uint32_t slot, uint32_t generation);
bool session_draft_has_room(const struct session_draft *draft);
/* As much of the span as there is room for, which there must be; it begins behind that afterwards.
 * false: the window did not hold it. */
bool session_draft_piece(struct session_draft *draft, const struct shm *shm,
    const struct window *window, enum shm_leg leg, enum stream stream, struct stream_span *span);
void session_draft_trim(
    struct session_draft *draft, enum shm_leg leg, enum stream stream, uint64_t position);

#endif
