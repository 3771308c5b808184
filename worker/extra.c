#include "worker/extra.h"

#include "worker/worker.h"

#include <errno.h>

_Static_assert(INSPECT_EXTRA_SIZE <= RECORD_EXTRA_SIZE, "one half of a chunk holds it");
_Static_assert(2 * RECORD_EXTRA_SIZE <= SHM_CHUNK_SIZE, "two halves are a chunk");

bool
extra_differs(struct worker *worker, const struct record *record)
{
	size_t length = inspect_save_extra(worker->state, worker->extra, sizeof(worker->extra));

	return length != record->extra_length ||
	       (length != 0 && record_checksum_bytes(worker->extra, length) != record->extra_check);
}

int
extra_store(struct worker *worker, struct session *session, struct record *draft)
{
	const struct record *published = session_record(session);
	struct window *window = &session->shared->extension;
	size_t length = inspect_save_extra(worker->state, worker->extra, sizeof(worker->extra));
	int error;

	draft->extra_length = (uint32_t)length;
	draft->extra_half = 0;
	draft->extra_check = 0;
	if (length == 0)
		return 0;
	if (window_is_empty(window)) {
		window_rebase(window, 0);
		error = window_append(window, &worker->shm, &worker->chunks, session->slot);
		if (error < 0)
			return error == -ENOBUFS ? error : -EPROTO;
	}
	if (published != NULL && published->extra_length != 0)
		draft->extra_half = !published->extra_half;
	draft->extra_check = record_checksum_bytes(worker->extra, length);
	if (!window_write(window, &worker->shm, draft->extra_half * (uint64_t)RECORD_EXTRA_SIZE,
		worker->extra, length))
		return -EPROTO;
	return 0;
}

void
extra_settle(struct worker *worker, struct session *session)
{
	struct window *window = &session->shared->extension;

	if (!window_is_empty(window) && session_record(session)->extra_length == 0)
		window_release_all(window, &worker->shm, &worker->chunks, false);
}

bool
extra_find(const struct shm *shm, const struct slot_session *shared, const struct record *record,
    const uint8_t **ret_bytes, size_t *ret_length)
{
	size_t length;

	*ret_bytes = NULL;
	*ret_length = record->extra_length;
	if (record->extra_length == 0)
		return true;
	if (record->extra_length > RECORD_EXTRA_SIZE || record->extra_half > 1)
		return false;
	*ret_bytes = window_span(&shared->extension, shm,
	    record->extra_half * (uint64_t)RECORD_EXTRA_SIZE, record->extra_length, &length);
	return *ret_bytes != NULL && length == record->extra_length &&
	       record_checksum_bytes(*ret_bytes, length) == record->extra_check;
}
