#include "daemon/sync/session_draft.h"

/* Of a session's fields beside record and bytes. */
#define HEADS_BYTES 4096u

_Static_assert(
    SESSION_DRAFT_BYTES + RECORD_EXTRA_SIZE + sizeof(struct record) + HEADS_BYTES <= SYNC_ENTRY_MAX,
    "an entry holds a part and a record");
_Static_assert(RECORD_EXTRA_SIZE <= SYNC_EXTRA_MAX && sizeof(struct record) <= SYNC_RECORD_MAX,
    "an entry holds any record");
_Static_assert((int)STREAM_INPUT == (int)SYNC_INPUT && (int)STREAM_TEXT == (int)SYNC_OWN_TEXT,
    "streams have the same numbers on the wire");
_Static_assert(SHM_LEGS *STREAMS <= SYNC_TRIMS_MAX, "an entry holds a trim for each stream");

void
session_draft_begin(struct session_draft *draft, uint32_t slot, uint32_t generation)
{
	draft->used = 0;
	draft->entry = (struct sync_entry){
	    .kind = SYNC_ENTRY_SESSION,
	    .session =
		{
		    .slot = slot,
		    .generation = generation,
		    .piece = draft->piece,
		    .trim = draft->trim,
		},
	};
}

bool
session_draft_has_room(const struct session_draft *draft)
{
	return draft->used < SESSION_DRAFT_BYTES && draft->entry.session.pieces < SYNC_PIECES_MAX;
}

bool
session_draft_piece(struct session_draft *draft, const struct shm *shm, const struct window *window,
    enum shm_leg leg, enum stream stream, struct stream_span *span)
{
	struct sync_session *session = &draft->entry.session;
	uint8_t *to = draft->bytes + draft->used;
	size_t length = SESSION_DRAFT_BYTES - draft->used;

	if (length > SYNC_PIECE_MAX)
		length = SYNC_PIECE_MAX;
	if (length > span->end - span->from)
		length = (size_t)(span->end - span->from);
	if (!streams_copy(window, shm, span->from, to, length))
		return false;
	draft->piece[session->pieces++] =
	    (struct sync_piece){(uint32_t)leg, (uint32_t)stream, span->from, {to, length}};
	draft->used += length;
	span->from += length;
	return true;
}

void
session_draft_trim(
    struct session_draft *draft, enum shm_leg leg, enum stream stream, uint64_t position)
{
	draft->trim[draft->entry.session.trims++] =
	    (struct sync_trim){(uint32_t)leg, (uint32_t)stream, position};
}
