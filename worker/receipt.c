#include "worker/receipt.h"

#include "worker/connection.h"
#include "worker/worker.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

static void
settle(struct leg *side)
{
	side->acknowledged = side->sent;
	if (side->flags & LEG_FIN_DONE)
		side->flags |= LEG_SETTLED;
}

/* The FIN counts as a byte, and of a send under way it may count what is not known here yet: then less
 * is acknowledged than could be. */
void
receipt_ask(struct worker *worker, struct session *session, enum shm_leg leg)
{
	struct leg *side = &session->leg[leg];
	int queued = 0;
	uint64_t unsettled;

	if (!worker->release.keeps) {
		settle(side);
		return;
	}
	if (side->descriptor < 0 || ioctl(side->descriptor, SIOCOUTQ, &queued) < 0 || queued < 0)
		return;
	unsettled = (uint64_t)queued;
	if (unsettled == 0)
		settle(side);
	else if (side->flags & LEG_FIN_DONE)
		unsettled--;
	if (unsettled <= side->sent - side->acknowledged)
		side->acknowledged = side->sent - unsettled;
}

static uint64_t
room(const struct leg *side)
{
	uint64_t unsettled = side->sent - side->acknowledged;

	return unsettled < RECEIPT_MAX ? RECEIPT_MAX - unsettled : 0;
}

uint64_t
receipt_room(struct worker *worker, struct session *session, enum shm_leg leg)
{
	if (room(&session->leg[leg]) == 0)
		receipt_look(worker, session, leg);
	return room(&session->leg[leg]);
}

static bool
is_open(const struct session *session, enum shm_leg leg)
{
	const struct leg *side = &session->leg[leg];

	return side->descriptor >= 0 && !session_leg_gone(session, leg) &&
	       (side->acknowledged != side->sent ||
		   (side->flags & (LEG_FIN_DONE | LEG_SETTLED)) == LEG_FIN_DONE);
}

uint64_t
receipt_due(const struct worker *worker, const struct session *session)
{
	uint64_t idle_ms = worker->now_ms - session->active_ms;
	bool open = false, stands = session->blocked || session->state == SESSION_ENDING;

	for (int leg = 0; leg < SHM_LEGS; leg++) {
		bool full = connection_is_full(worker, session, leg);

		open |= full || is_open(session, leg);
		stands |= full || room(&session->leg[leg]) == 0;
	}
	if (!open)
		return UINT64_MAX;
	if (stands)
		return worker->now_ms + RECEIPT_SOON_MS;
	return worker->now_ms + (idle_ms > SESSION_IDLE_MS ? idle_ms : SESSION_IDLE_MS);
}
