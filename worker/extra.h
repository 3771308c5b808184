/*
 * extra -- the second part of a session's inspection state, in its extension chunk
 *
 * Only a message with a header field or a MIME structure under way has one.  The chunk has two
 * halves: what is to be committed is written into the one that the published record does not
 * name, so that an adopter always finds the committed one whole.  Without a second part there is no
 * chunk.
 */
#ifndef WORKER_EXTRA_H
#define WORKER_EXTRA_H

#include "shm/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shm;
struct session;
struct slot_session;
struct worker;

/* The second part of worker->state is not the one that the record names. */
bool extra_differs(struct worker *worker, const struct record *record);
/* Puts the second part of worker->state into the draft. 0, -ENOBUFS: no chunk is free, or -EPROTO. */
int extra_store(struct worker *worker, struct session *session, struct record *draft);
/* Gives the chunk back if the record that was just published names none of it. */
void extra_settle(struct worker *worker, struct session *session);
/* The bytes that a record names; NULL and 0: none.  False: it names what is not there, or it is
 * damaged. */
bool extra_find(const struct shm *shm, const struct slot_session *shared,
    const struct record *record, const uint8_t **ret_bytes, size_t *ret_length);

#endif
