#include "tests/tools/source_body.h"

#include "tests/tools/source_pool.h"
#include "tests/tools/source_session.h"

#include <err.h>
#include <inttypes.h>
#include <stdlib.h>

#define TICK_US	    20000u
#define OUTPUT_LOW  65536u /* the body is made while less than this waits to be written */
#define TICKS	    64u	   /* that the body of a held session takes */
#define TICKS_SOON  8u	   /* likewise up to where it is to be held */
#define CHUNKS_MOST 8u	   /* that are not answered */
#define CHUNK_LARGE 65536u
#define CHUNK_FIRST 50u /* chunks of that size at most come before the one that is held */
#define LEFT_OVER   32u /* not sent before the session is released, at least */

static bool
offends(const struct source_session *session)
{
	return session->message_name.offence != ORACLE_GOOD;
}

static uint64_t
limit_of(const struct source_session *session)
{
	uint64_t size = session->message_name.size;

	switch (session->body.plan) {
	case BODY_FREE:
		return UINT64_MAX;
	case BODY_BETWEEN:
		return size / 2;
	default:
		return size - size / 64 - LEFT_OVER;
	}
}

void
source_body_begin(struct source_session *session, enum source_body_plan plan)
{
	struct source_body *body = &session->body;

	*body = (struct source_body){.plan = plan, .oracle = malloc(sizeof(*body->oracle))};
	if (body->oracle == NULL)
		err(1, "body");
	oracle_begin(body->oracle, &session->message_name);
	body->limit = limit_of(session);
	session->message = MESSAGE_BODY;
	session->tick_us = loop_now();
	if (!session->chunked)
		source_expect(session, EXPECT_FINAL);
}

void
source_body_drop(struct source_session *session)
{
	free(session->body.oracle);
	session->body.oracle = NULL;
}

static void
body_complete(struct source_session *session)
{
	source_body_drop(session);
	if (session->message == MESSAGE_BODY)
		session->message = MESSAGE_SENT;
	source_figures.bytes += session->message_name.size;
}

/* ---- after 354 ---- */

/* False: the message is complete. */
static bool
data_make(struct source_session *session)
{
	struct source_body *body = &session->body;
	const struct oracle_span *span = body->oracle->span;
	unsigned first = 0;

	if (!oracle_next_line(body->oracle)) {
		source_send(session, ".\r\n", 3);
		return false;
	}
	while (span[first].length == 0)
		first++;
	if (span[first].bytes[0] == '.')
		source_send(session, ".", 1);
	for (unsigned i = first; i < ORACLE_SPANS; i++) {
		source_send(session, span[i].bytes, span[i].length);
		body->sent += span[i].length;
	}
	return true;
}

/* ---- in chunks ---- */

static uint64_t
any_chunk_size(uint64_t *random)
{
	uint64_t r = oracle_random(random);

	switch (r % 8) {
	case 0:
		return 1 + r / 8 % 16;
	case 1:
	case 2:
		return 1 + r / 8 % 1000;
	default:
		return 1 + r / 8 % CHUNK_LARGE;
	}
}

/* One chunk after some very small ones, so large that its session stops inside of it. */
static uint64_t
inside_chunk_size(struct source_session *session, uint64_t left)
{
	struct source_body *body = &session->body;
	uint64_t r = oracle_random(&session->random);

	if (body->sent < CHUNK_FIRST)
		return 1 + r % CHUNK_FIRST;
	body->held_from = body->sent + 1;
	return r % 2 == 0 ? left : left - r / 2 % (LEFT_OVER / 2);
}

static uint64_t
chunk_size(struct source_session *session)
{
	const struct source_body *body = &session->body;
	uint64_t left = session->message_name.size - body->sent, size;

	if (offends(session))
		return left;
	if (body->plan == BODY_INSIDE && !session->released)
		return inside_chunk_size(session, left);
	size = any_chunk_size(&session->random);
	if (body->plan == BODY_BETWEEN && !session->released && size > body->limit - body->sent)
		size = body->limit - body->sent;
	return size < left ? size : left;
}

/* A chunk with all that is left need not be the last: then an empty one follows. */
static void
chunk_begin(struct source_session *session)
{
	struct source_body *body = &session->body;
	uint64_t left = session->message_name.size - body->sent, size = chunk_size(session);

	body->chunk_left = size;
	body->last = size == left && (size == 0 || oracle_random(&session->random) % 4 != 0);
	buffer_print(&session->output, "BDAT %" PRIu64 "%s\r\n", size, body->last ? " LAST" : "");
	source_expect(session, body->last ? EXPECT_FINAL : EXPECT_CHUNK);
}

static bool
chunk_may_begin(const struct source_session *session)
{
	return session->expected_count < (offends(session) ? 1 : CHUNKS_MOST);
}

/* False: the message is complete, or given up since a chunk of it was refused. */
static bool
chunk_make(struct source_session *session, uint64_t end)
{
	struct source_body *body = &session->body;
	struct oracle_span piece;

	if (body->chunk_left == 0) {
		if (session->message != MESSAGE_BODY)
			return false;
		chunk_begin(session);
	}
	if (body->chunk_left > 0) {
		uint64_t most = end - body->sent;

		if (most > body->chunk_left)
			most = body->chunk_left;
		if (!oracle_next_piece(body->oracle, most, &piece))
			errx(1, "a chunk beyond the message");
		source_send(session, piece.bytes, piece.length);
		body->sent += piece.length;
		body->chunk_left -= piece.length;
	}
	return body->chunk_left > 0 || !body->last;
}

/* ---- both ---- */

static uint64_t
pace_of(const struct source_session *session)
{
	const struct source_body *body = &session->body;
	uint64_t size = session->message_name.size;
	bool soon = body->plan == BODY_BETWEEN || (offends(session) && body->oracle->offended == 0);

	if (source_options.slow_write > 0)
		return source_options.slow_write / 50 + 1;
	if (session->released || body->plan == BODY_FREE)
		return 0;
	return size / (soon ? TICKS_SOON : TICKS) + LEFT_OVER;
}

/* Up to there it may be made now. */
static uint64_t
end_now(struct source_session *session)
{
	struct source_body *body = &session->body;
	uint64_t pace = pace_of(session), end = UINT64_MAX;

	if (pace > 0) {
		if (loop_now() < session->tick_us)
			return body->sent;
		session->tick_us = loop_now() + TICK_US;
		end = body->sent + pace;
	}
	return !session->released && body->limit < end ? body->limit : end;
}

void
source_body_make(struct source_session *session)
{
	struct source_body *body = &session->body;
	uint64_t end = end_now(session);
	bool more = true;

	while (more && session->output.length < OUTPUT_LOW && body->sent < end) {
		if (source_body_waits(session))
			return;
		more = session->chunked ? chunk_make(session, end) : data_make(session);
	}
	if (!more)
		body_complete(session);
}

bool
source_body_is_paced(const struct source_session *session)
{
	return session->body.oracle != NULL && session->output.length == 0 &&
	       (session->released || session->body.sent < session->body.limit) &&
	       !source_body_waits(session);
}

bool
source_body_waits(const struct source_session *session)
{
	const struct source_body *body = &session->body;
	bool stops = !session->released && body->sent >= body->limit;

	return body->oracle != NULL && session->chunked && body->chunk_left == 0 &&
	       session->expected_count > 0 && (stops || !chunk_may_begin(session));
}

bool
source_body_is_held(const struct source_session *session)
{
	const struct source_body *body = &session->body;

	switch (body->plan) {
	case BODY_STOPS:
		return body->sent > 0;
	case BODY_INSIDE:
		return body->held_from > 0 && body->sent >= body->held_from;
	case BODY_BETWEEN:
		return body->sent >= body->limit && body->chunk_left == 0 &&
		       session->expected_count == 0;
	case BODY_REFUSED:
		return body->oracle != NULL && body->oracle->offended > 0 &&
		       body->sent >= body->oracle->offended;
	default:
		return body->oracle == NULL && session->output.length == 0;
	}
}
