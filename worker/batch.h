/*
 * batch -- the steps of the core that become one commit
 *
 * batch_begin() loads the core's state from the record and begins a draft; batch_step() calls the
 * core once and applies its answer to the draft; batch_commit() makes the draft the record and lets
 * out what the steps have reported.  Until then nothing has happened: batch_drop() forgets it all.
 *
 * Which session is stepped, in which direction and from which committed position, stands in the
 * worker's pulse from before the core is called until commit or drop.
 *
 * The core's answer is checked like anything else: lengths, legs and texts out of bounds, or more
 * steps than there can be, make the batch STEP_BROKEN.
 */
#ifndef WORKER_BATCH_H
#define WORKER_BATCH_H

#include "worker/inspect/inspect.h"
#include "worker/step.h"

#include <stdbool.h>
#include <stdint.h>

struct record;

/* The steps that become one commit. */
struct batch {
	struct worker *worker;
	struct session *session;
	const struct inspect_policy *policy;
	struct record *draft; /* NULL before the first step */
	bool changed;
	unsigned steps;
	uint8_t signals; /* what the session had waiting when the batch began */
	enum step_result result;
};

/* False: it cannot be stepped (batch->result). Does nothing when it has begun. */
bool batch_begin(struct batch *batch);
/* True: the core made progress. batch->result says if it went wrong. */
bool batch_step(struct batch *batch, struct inspect_input *input);
/* False: batch->result. Without a change nothing is committed. */
bool batch_commit(struct batch *batch);
void batch_drop(struct batch *batch);

/* Both legs have an ending: the core is not called any more. */
bool batch_is_over(const struct batch *batch);
/* Both outlets have room for the edits of a step. */
bool batch_has_room(const struct batch *batch);

#endif
