#include "daemon/supervisor/takeover_session.h"

#include "daemon/gate/mark.h"
#include "daemon/supervisor/leg.h"
#include "shm/region.h"
#include "shm/streams.h"

#include <errno.h>
#include <unistd.h>

/* More is never under way to one peer (a worker's RECEIPT_MAX). */
#define OUTPUT_MOST (256u << 10)
/* Each word of the outlet, cut where a chunk ends. */
#define PIECES_MOST (OUTLET_WORDS + 2 * SHM_WINDOW_CHUNKS)

/* Segments of output that need no question, if the peer's window has room for them: whoever adopts the session
 * sends them again in one flight, and so the peer's answer to it is understood, whatever it has already. */
#define SENT_AGAIN_MOST 4u

#define ANSWER_LEAST_US 20000u
/* Then the kernel asks, and sends again, as for any other connection. */
#define ANSWER_MOST_US 3000000u

struct output {
	struct iovec piece[PIECES_MOST];
	unsigned count;
	uint64_t acknowledged; /* of what the record has as perhaps not so */
	uint64_t length;       /* behind that */
};

/* ---- what may have been sent ---- */

static bool
add_span(struct output *output, const struct shm *shm, const struct window *window,
    const struct stream_span *span)
{
	uint64_t position = span->from;

	while (position < span->end) {
		size_t part;
		uint8_t *bytes =
		    window_span(window, shm, position, (size_t)(span->end - position), &part);

		if (bytes == NULL || output->count == PIECES_MOST)
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
add_piece(struct output *output, const struct shm *shm, const struct window *window,
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
    struct output *output)
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

/* ---- making them ---- */

/* The window of a client whose scale is not known (takeover_embryo.h) has room for some octets only. */
static bool
is_one_flight(const struct output *output, const struct leg_tcp *tcp)
{
	return output->length <= SENT_AGAIN_MOST * (uint64_t)tcp->mss &&
	       output->length <= tcp->send_window;
}

static bool
has_stood_still(const struct takeover_source *source, uint32_t slot)
{
	uint64_t told_ms = shm_custody(source->shm, slot)->told_ms;

	return source->now_ms > told_ms && source->now_ms - told_ms >= TAKEOVER_REST_MS;
}

static int
plan_and_make(const struct takeover_source *source, uint32_t slot, const struct record *record,
    enum shm_leg which, struct takeover_leg *leg)
{
	const struct slot_leg *from = &shm_custody(source->shm, slot)->leg[which];
	struct output output;

	if (!from->tcp.dumped)
		return -EOPNOTSUPP;
	if (!list_output(source->shm, slot, record, which, &output))
		return -EBADMSG;
	leg_plan(from, record, which, output.acknowledged, source->gateway_ms, &leg->plan);
	leg->rests = output.length == 0 && has_stood_still(source, slot);
	leg->plan.mark = source->has_marks ? mark_of_leg(slot, which) : 0;
	if (is_one_flight(&output, &from->tcp)) {
		output.count = 0;
	} else {
		leg->asks = true;
		leg->ends =
		    record->ending[which] == ENDING_FIN &&
		    output.acknowledged + output.length == outlet_pending(&record->outlet[which]);
	}
	leg->plan.hides_window = leg->ends;
	return leg_restore(&leg->plan, output.piece, output.count);
}

static void
make_leg(const struct takeover_source *source, uint32_t slot, const struct record *record,
    enum shm_leg which, struct takeover_leg *leg)
{
	int fd = plan_and_make(source, slot, record, which, leg);

	leg->fd = fd < 0 ? -1 : fd;
	leg->error = fd < 0 ? fd : 0;
}

/* A reset ends both directions, whose ever it is. */
static bool
is_over(const struct record *record, enum shm_leg leg)
{
	uint8_t seen = record->end_seen[leg], ending = record->ending[leg];

	if (record->flags & RECORD_FINISHED || seen == ENDING_RESET || ending > ENDING_FIN)
		return true;
	return ending == ENDING_FIN && (seen == ENDING_FIN || record->end_stored[leg]);
}

static bool
read_record(const struct takeover_source *source, uint32_t slot, struct record *ret_record)
{
	const struct slot_custody *custody = shm_custody(source->shm, slot);
	const struct slot_session *shared = shm_session(source->shm, slot);

	return record_read(shared, atomic_load(&custody->generation), ret_record) &&
	       window_check_slot(shared, source->shm, slot);
}

static bool
was_open(const struct takeover_source *source, uint32_t slot, int leg)
{
	const struct slot_leg *public = &shm_custody(source->shm, slot)->leg[leg];

	return atomic_load_explicit(&public->state, memory_order_acquire) == LEG_OPEN;
}

bool
takeover_session_restore(const struct takeover_source *source, struct takeover_session *session)
{
	struct record record;
	bool holds = read_record(source, session->slot, &record), waits = false;

	for (int i = 0; i < SHM_LEGS; i++) {
		struct takeover_leg *leg = &session->leg[i];

		*leg = (struct takeover_leg){.fd = -1};
		if (!was_open(source, session->slot, i))
			continue;
		leg->is_over = holds && is_over(&record, (enum shm_leg)i);
		waits |= leg->is_over;
		if (!holds)
			leg->error = -EBADMSG;
		else if (!leg->is_over)
			make_leg(source, session->slot, &record, (enum shm_leg)i, leg);
	}
	return waits;
}

void
takeover_session_restore_over(
    const struct takeover_source *source, struct takeover_session *session)
{
	struct record record;
	bool holds;

	if (!session->leg[SHM_CLIENT].is_over && !session->leg[SHM_SERVER].is_over)
		return;
	holds = read_record(source, session->slot, &record);
	for (int i = 0; i < SHM_LEGS; i++) {
		struct takeover_leg *leg = &session->leg[i];

		if (!leg->is_over)
			continue;
		if (holds)
			make_leg(source, session->slot, &record, (enum shm_leg)i, leg);
		else
			leg->error = -EBADMSG;
		if (leg->error == -EADDRNOTAVAIL)
			leg->error = 0;
		if (leg->fd < 0)
			leg->asks = false;
	}
}

/* ---- what the peers have ---- */

void
takeover_leg_ask(struct takeover_leg *leg)
{
	if (leg->fd < 0 || leg->rests)
		return;
	leg_probe(leg->fd);
}

static uint64_t
answer_us(const struct takeover_leg *leg)
{
	uint64_t twice = 2ull * leg->plan.tcp.rtt_us;

	return twice > ANSWER_LEAST_US ? twice : ANSWER_LEAST_US;
}

static void
ask_again(struct takeover_leg *leg, uint64_t waited_us)
{
	uint64_t often_us = answer_us(leg) > TAKEOVER_AGAIN_US ? answer_us(leg) : TAKEOVER_AGAIN_US;

	if (waited_us - leg->asked_us < often_us)
		return;
	leg->asked_us = waited_us;
	leg_probe(leg->fd);
}

/* One that cannot be made again as it stands goes on. */
static void
make_again(struct takeover_leg *leg)
{
	int r = leg_restore_again(&leg->fd, &leg->plan);

	leg->error = r == -EBUSY ? 0 : r;
}

bool
takeover_leg_look(struct takeover_leg *leg, uint64_t waited_us)
{
	struct leg_answer answer;
	bool has_answered;

	if (leg->fd < 0 || !leg->asks)
		return true;
	if (leg_answer(leg->fd, &answer) < 0 || answer.is_over)
		return true;
	has_answered = answer.has_come && waited_us >= answer_us(leg);
	if (!has_answered && waited_us < ANSWER_MOST_US) {
		if (!answer.has_come)
			ask_again(leg, waited_us);
		return false;
	}
	/* An answer that was not taken, or its window would be known: the peer has the FIN too. */
	if (leg->ends && (!has_answered || answer.send_window == 0))
		leg_restore_end(leg->fd);
	/* Though all be acknowledged: by such an answer, to what another host has sent, the kernel
	 * measures a round trip that never was. */
	else if (has_answered)
		make_again(leg);
	return true;
}

void
takeover_leg_end(struct takeover_leg *leg)
{
	if (leg->fd < 0)
		return;
	leg_end(leg->fd, true);
	close(leg->fd);
	leg->fd = -1;
}
