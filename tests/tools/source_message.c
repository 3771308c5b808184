#include "tests/tools/source_message.h"

#include "tests/tools/source_pool.h"
#include "tests/tools/source_scripts.h"
#include "tests/tools/source_session.h"

#define OFFENDER_MORE 204800u /* an offender is up to so much larger than it must be */
#define SMALL_MORE    8192u   /* one that can be held back whole by header-hold likewise */

/* What the first message of such a session does wrong; small ones come in a chunk that the gateway
 * can hold back whole. */
struct offender {
	enum oracle_offence offence;
	bool small;
};

static struct offender
offender_of(const struct source_session *session)
{
	static const struct offender in_data[] = {
	    {ORACLE_LONG_HEADER, false}, {ORACLE_LONG_LINE, false}, {ORACLE_LONG_NAME, false}};
	static const struct offender in_chunk[] = {{ORACLE_LONG_HEADER, true},
	    {ORACLE_LONG_LINE, false}, {ORACLE_LONG_NAME, true}, {ORACLE_LONG_NAME, false}};
	unsigned variant = session->variant / 2;

	if (session->messages == 0 && session->phase == PHASE_REFUSED_DATA)
		return in_data[variant % 3];
	if (session->messages == 0 &&
	    (session->phase == PHASE_REFUSED_BDAT || session->phase == PHASE_REFUSED_RSET))
		return in_chunk[variant % 4];
	return (struct offender){ORACLE_GOOD, false};
}

static uint64_t
size_pick(struct source_session *session, const struct offender *offender)
{
	bool half_way = source_phase_holds_body(session->phase);
	uint64_t size = sizes_pick(
	    half_way ? &source_options.body_sizes : &source_options.sizes, &session->random);

	if (offender->offence != ORACLE_GOOD)
		return offender->small ? ORACLE_SIZE_HEADER + size % SMALL_MORE
				       : ORACLE_SIZE_LINE + size % OFFENDER_MORE;
	return size < ORACLE_SIZE_MIN ? ORACLE_SIZE_MIN : size;
}

static bool
is_chunked(struct source_session *session)
{
	if (session->phase == PHASE_LOAD)
		return oracle_random(&session->random) % 100 < source_options.bdat;
	return source_phase_is_chunked(session->phase);
}

static enum oracle_form
form_pick(struct source_session *session)
{
	if (!session->chunked)
		return ORACLE_TEXT;
	if (session->phase == PHASE_BDAT_BINARY)
		return ORACLE_BINARY;
	return oracle_random(&session->random) % ORACLE_FORMS;
}

void
source_message_begin(struct source_session *session)
{
	struct offender offender = offender_of(session);

	session->chunked = is_chunked(session);
	session->message_name = (struct oracle_name){
	    .key = {source_options.seed, session->number, session->messages},
	    .size = size_pick(session, &offender),
	    .form = form_pick(session),
	    .offence = offender.offence,
	};
	session->messages++;
	session->message = MESSAGE_ENVELOPE;
	session->began_us = loop_now();
	source_figures.begun++;
}

void
source_message_result(
    struct source_session *session, enum ledger_result result, const char *detail, size_t length)
{
	uint64_t *const counts[] = {[LEDGER_GIVEN] = &source_figures.given,
	    [LEDGER_REFUSED] = &source_figures.refused,
	    [LEDGER_UNKNOWN] = &source_figures.unknown,
	    [LEDGER_ONEWAY] = &source_figures.one_way,
	    [LEDGER_UNSENT] = &source_figures.unsent};

	(*counts[result])++;
	ledger_write(
	    &session->message_name.key, session->message_name.size, result, detail, length);
	session->message = MESSAGE_NONE;
}

void
source_message_leave(struct source_session *session)
{
	enum ledger_result result = LEDGER_UNSENT;

	if (session->message == MESSAGE_NONE)
		return;
	if (session->message == MESSAGE_SENT && session->output.length == 0)
		result = session->one_way && !session->doomed ? LEDGER_ONEWAY : LEDGER_UNKNOWN;
	source_message_result(session, result, "", 0);
}
