/*
 * streams -- the bytes of a session that its record needs
 *
 * Each leg has two runs of bytes in the slot's windows: what came from it, and the gateway's own text
 * for it.  Of these a record needs what its outlets have still to send, and the input that is stored and
 * not yet consumed.
 *
 * Called by sync, which reads the windows of sessions that a worker holds (streams_copy()), and by
 * whoever compares two hosts.
 */
#ifndef SHM_STREAMS_H
#define SHM_STREAMS_H

#include "shm/record.h"
#include "shm/window.h"

enum stream { STREAM_INPUT, STREAM_TEXT, STREAMS };

struct stream_span {
	uint64_t from; /* first position needed; = end: none is */
	uint64_t end;
};

/* The record was checked (record_read()). */
struct stream_span streams_needed(
    const struct record *record, enum shm_leg leg, enum stream stream);

const struct window *streams_window(
    const struct slot_session *session, enum shm_leg leg, enum stream stream);

/* How much of a span the window holds: `from` rises to where it begins; to `end` if there is nothing. */
struct stream_span streams_held(const struct window *window, struct stream_span span);

/* window_read() from a window that its owner may change meanwhile: false also if the bytes were not held
 * during all of the copying. */
bool streams_copy(
    const struct window *window, const struct shm *shm, uint64_t position, void *to, size_t length);

#endif
