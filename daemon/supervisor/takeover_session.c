#include "daemon/supervisor/takeover_session.h"

#include "daemon/supervisor/leg.h"
#include "daemon/supervisor/leg_kernel.h"
#include "daemon/supervisor/takeover_ahead.h"

#include <errno.h>

#define ANSWER_LEAST_US 20000u
/* Then the kernel asks, and sends again, as for any other connection. */
#define ANSWER_MOST_US 3000000u

/* ---- making them ---- */

static void
note_plan(const struct takeover_plan *plan, struct takeover_leg *leg)
{
	leg->plan = plan->leg;
	leg->asks = plan->asks;
	leg->rests = plan->rests;
	leg->ends = plan->ends;
}

static void
note_cookie(struct takeover_leg *leg)
{
	leg->cookie = leg->fd < 0 ? 0 : leg_kernel_cookie(leg->fd);
}

static int
plan_and_make(const struct takeover_source *source, uint32_t slot, const struct record *record,
    enum shm_leg which, struct takeover_leg *leg)
{
	struct takeover_plan plan;
	int r = takeover_plan_leg(source, slot, record, which, &plan);

	if (r < 0)
		return r;
	note_plan(&plan, leg);
	return leg_restore(&leg->plan, plan.output.piece, plan.output.count);
}

static void
make_leg(const struct takeover_source *source, uint32_t slot, const struct record *record,
    enum shm_leg which, struct takeover_leg *leg)
{
	int fd = plan_and_make(source, slot, record, which, leg);

	leg->fd = fd < 0 ? -1 : fd;
	leg->error = fd < 0 ? fd : 0;
	note_cookie(leg);
}

static void
take_ahead(const struct takeover_source *source, struct takeover_ahead *ahead, uint32_t slot,
    const struct record *record, enum shm_leg which, struct takeover_leg *leg)
{
	struct takeover_plan plan;
	int fd;

	/* Of what was put back a leg made ahead has nothing. */
	if (!takeover_plan_was_open(source, slot, which) || takeover_plan_is_over(record, which) ||
	    takeover_plan_leg(source, slot, record, which, &plan) < 0 || plan.output.count > 0)
		return;
	fd = takeover_ahead_take(ahead, source, slot, which, &plan.leg, &leg->cookie);
	if (fd < 0)
		return;
	note_plan(&plan, leg);
	leg->fd = fd;
	leg->was_ahead = true;
}

void
takeover_session_take_ahead(const struct takeover_source *source, struct takeover_ahead *ahead,
    struct takeover_session *session)
{
	struct record record;

	if (!takeover_ahead_has(ahead, session->slot))
		return;
	if (takeover_plan_read(source, session->slot, &record))
		for (int i = 0; i < SHM_LEGS; i++)
			take_ahead(source, ahead, session->slot, &record, (enum shm_leg)i,
			    &session->leg[i]);
	takeover_ahead_end(ahead, session->slot);
}

static bool
restore_leg(const struct takeover_source *source, uint32_t slot, const struct record *record,
    enum shm_leg which, struct takeover_leg *leg)
{
	*leg = (struct takeover_leg){.fd = -1};
	if (!takeover_plan_was_open(source, slot, which))
		return false;
	if (record == NULL)
		leg->error = -EBADMSG;
	else if (takeover_plan_is_over(record, which))
		leg->is_over = true;
	else
		make_leg(source, slot, record, which, leg);
	return leg->is_over;
}

bool
takeover_session_restore(const struct takeover_source *source, struct takeover_session *session)
{
	struct record record;
	bool waits = false, holds;

	if (session->leg[SHM_CLIENT].was_ahead && session->leg[SHM_SERVER].was_ahead)
		return false;
	holds = takeover_plan_read(source, session->slot, &record);
	for (int i = 0; i < SHM_LEGS; i++)
		if (!session->leg[i].was_ahead)
			waits |= restore_leg(source, session->slot, holds ? &record : NULL,
			    (enum shm_leg)i, &session->leg[i]);
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
	holds = takeover_plan_read(source, session->slot, &record);
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
	note_cookie(leg);
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
	leg_drop(leg->fd);
	leg->fd = -1;
}
