#include "daemon/supervisor/takeover_plan.h"

#include "daemon/gate/mark.h"
#include "daemon/supervisor/supervisor.h"
#include "shm/region.h"
#include "shm/streams.h"

#include <errno.h>

/* More is never under way to one peer (a worker's RECEIPT_MAX). */
#define OUTPUT_MOST (256u << 10)
/* Segments of output that need no question, if the peer's window has room for them: whoever adopts the session
 * sends them again in one flight, and so the peer's answer to it is understood, whatever it has already. */
#define SENT_AGAIN_MOST 4u

struct takeover_source
takeover_plan_source(const struct supervisor *supervisor)
{
	return (struct takeover_source){
	    .shm = &supervisor->shm,
	    .gateway_ms = supervisor->gateway_ms,
	    .now_ms = monotonic_now_ms(),
	    .has_marks = gate_child_is_there(supervisor),
	};
}

/* ---- what may have been sent ---- */

static bool
add_span(struct takeover_output *output, const struct shm *shm, const struct window *window,
    const struct stream_span *span)
{
	uint64_t position = span->from;

	while (position < span->end) {
		size_t part;
		uint8_t *bytes =
		    window_span(window, shm, position, (size_t)(span->end - position), &part);

		if (bytes == NULL || output->count == TAKEOVER_PIECES_MOST)
			return false;
		output->piece[output->count++] = (struct iovec){bytes, part};
		output->length += part;
		position += part;
	}
	return true;
}

/* What is not held any more was acknowledged, and so was all before it; the record says so with its next
 * change only. */
static bool
add_piece(struct takeover_output *output, const struct shm *shm, const struct window *window,
    const struct outlet_piece *piece)
{
	const struct stream_span all = {piece->position, piece->position + piece->length};
	struct stream_span there = streams_held(window, all);

	if (there.from > all.from) {
		output->acknowledged += output->length + (there.from - all.from);
		output->length = 0;
		output->count = 0;
	}
	return add_span(output, shm, window, &there);
}

static bool
list_output(const struct shm *shm, uint32_t slot, const struct record *record, enum shm_leg leg,
    struct takeover_output *output)
{
	const struct slot_session *session = shm_session(shm, slot);
	const struct outlet *outlet = &record->outlet[leg];
	struct outlet_piece piece[OUTLET_WORDS];
	size_t count = outlet_pieces(outlet, 0, piece, OUTLET_WORDS);

	output->count = 0;
	output->acknowledged = output->length = 0;
	for (size_t i = 0; i < count && output->length < OUTPUT_MOST; i++) {
		const struct window *window =
		    piece[i].kind == OUTLET_KEEP ? &session->input[!leg] : &session->text[leg];

		if (!add_piece(output, shm, window, &piece[i]))
			return false;
	}
	return true;
}

/* The window of a client whose scale is not known (takeover_embryo.h) has room for some octets only. */
static bool
is_one_flight(const struct takeover_output *output, const struct leg_tcp *tcp)
{
	return output->length <= SENT_AGAIN_MOST * (uint64_t)tcp->mss &&
	       output->length <= tcp->send_window;
}

bool
takeover_plan_has_rested(const struct takeover_source *source, uint32_t slot, uint64_t rest_ms)
{
	uint64_t told_ms = shm_custody(source->shm, slot)->told_ms;

	return source->now_ms > told_ms && source->now_ms - told_ms >= rest_ms;
}

int
takeover_plan_leg(const struct takeover_source *source, uint32_t slot, const struct record *record,
    enum shm_leg which, struct takeover_plan *ret_plan)
{
	const struct slot_leg *from = &shm_custody(source->shm, slot)->leg[which];
	struct takeover_plan *plan = ret_plan;
	const struct takeover_output *output = &plan->output;

	plan->asks = plan->ends = false;
	if (!from->tcp.dumped)
		return -EOPNOTSUPP;
	if (!list_output(source->shm, slot, record, which, &plan->output))
		return -EBADMSG;
	leg_plan_make(from, record, which, output->acknowledged, source->gateway_ms, &plan->leg);
	plan->rests =
	    output->length == 0 && takeover_plan_has_rested(source, slot, TAKEOVER_REST_MS);
	plan->leg.tcp.narrow = window_is_read_full(
	    &shm_session(source->shm, slot)->input[which], record->stored[which]);
	plan->leg.mark = source->has_marks ? mark_of_leg(slot, which) : 0;
	if (is_one_flight(output, &from->tcp)) {
		plan->output.count = 0;
	} else {
		plan->asks = true;
		plan->ends =
		    record->ending[which] == ENDING_FIN &&
		    output->acknowledged + output->length == outlet_pending(&record->outlet[which]);
	}
	plan->leg.hides_window = plan->ends;
	return 0;
}

/* A reset ends both directions, whose ever it is. */
bool
takeover_plan_is_over(const struct record *record, enum shm_leg leg)
{
	uint8_t seen = record->end_seen[leg], ending = record->ending[leg];

	if (record->flags & RECORD_FINISHED || seen == ENDING_RESET || ending > ENDING_FIN)
		return true;
	return ending == ENDING_FIN && (seen == ENDING_FIN || record->end_stored[leg]);
}

bool
takeover_plan_read(const struct takeover_source *source, uint32_t slot, struct record *ret_record)
{
	const struct slot_custody *custody = shm_custody(source->shm, slot);
	const struct slot_session *shared = shm_session(source->shm, slot);

	return record_read(shared, atomic_load(&custody->generation), ret_record) &&
	       window_check_slot(shared, source->shm, slot);
}

bool
takeover_plan_was_open(const struct takeover_source *source, uint32_t slot, enum shm_leg leg)
{
	const struct slot_leg *public = &shm_custody(source->shm, slot)->leg[leg];

	return atomic_load_explicit(&public->state, memory_order_acquire) == LEG_OPEN;
}
