#include "daemon/supervisor/takeover_ask.h"

#include "daemon/supervisor/dispatch.h"
#include "daemon/supervisor/early.h"
#include "daemon/supervisor/opening.h"
#include "daemon/supervisor/supervisor.h"
#include "daemon/supervisor/takeover_embryo.h"
#include "daemon/supervisor/takeover_session.h"
#include "daemon/supervisor/takeover_shelf.h"
#include "daemon/supervisor/watch.h"
#include "shm/failpoint.h"
#include "shm/gateway_clock.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define LOOK_NS 2000000 /* 2 ms */

/* Sessions that are asked, and then handed on. */
#define ASKED_AT_ONCE 32u

/* So long early packets wait for workers that do not come to it. */
#define EARLY_MOST_US 150000u

void
takeover_ask_note_done(struct supervisor *supervisor)
{
	struct takeover *takeover = &supervisor->takeover;
	struct takeover_status *status = &takeover->status;
	struct event event;

	if (status->done_us != 0)
		return;
	/* Whoever asked has died. */
	if (status->probed_us == 0)
		status->probed_us = status->opened_us;
	status->done_us = monotonic_now_us();
	takeover_publish(supervisor);
	event_init(&event, 109067, 0);
	event.number[0] = status->sessions;
	event.number[1] = status->probed_us - status->opened_us;
	event.number[2] = status->done_us - status->opened_us;
	supervisor_event(supervisor, &event);
}

/* As if its worker had died. */
static void
hand_on(struct supervisor *supervisor, struct takeover_session *session)
{
	struct custody *custody = &supervisor->custody;
	uint32_t slot = session->slot;

	/* Its end is still to be told to whoever gives its memory back. */
	if (session->leg[SHM_CLIENT].error == 0 && !takeover_is_connected(custody, slot))
		opening_again(supervisor, slot);
	dispatch_tell(supervisor, slot, PENDING_ADOPT);
	session->slot = SHM_NO_SLOT;
	supervisor->takeover.waiting--;
	/* One that is lost its worker only closes. */
	supervisor->takeover.handed_on += session->leg[SHM_CLIENT].error == 0;
}

/* It may be another connection now. */
static void
take_again(struct supervisor *supervisor, const struct takeover_session *session)
{
	struct custody *custody = &supervisor->custody;

	for (int leg = 0; leg < SHM_LEGS; leg++) {
		int *fd = &custody->slot[session->slot].fd[leg];

		if (*fd == session->leg[leg].fd && !session->leg[leg].asks)
			continue;
		if (*fd >= 0 && session->leg[leg].fd < 0)
			custody->descriptors--;
		*fd = session->leg[leg].fd;
		takeover_note_leg(supervisor, session->slot, (enum shm_leg)leg, &session->leg[leg]);
	}
}

static void
look_at(struct supervisor *supervisor, struct takeover_session *session, uint64_t waited_us)
{
	bool is_done = true;

	for (int i = 0; i < SHM_LEGS; i++) {
		struct takeover_leg *leg = &session->leg[i];

		if (!leg->asks)
			continue;
		if (takeover_leg_look(leg, waited_us)) {
			take_again(supervisor, session);
			FAILPOINT(takeover_remade);
			leg->asks = false;
			takeover_note_end(supervisor, session->slot, (enum shm_leg)i, leg);
		} else {
			is_done = false;
		}
	}
	if (is_done)
		hand_on(supervisor, session);
}

/* What has come early says where a peer stood, not where it stands: the answers come behind that. */
static void
look_at_all(struct supervisor *supervisor)
{
	struct takeover *takeover = &supervisor->takeover;
	uint64_t waited_us = monotonic_now_us() - takeover->status.probed_us;
	bool are_answers = early_is_over(supervisor);

	for (uint32_t i = 0; are_answers && i < takeover->sessions; i++)
		if (takeover->session[i].slot != SHM_NO_SLOT)
			look_at(supervisor, &takeover->session[i], waited_us);
	takeover_embryo_look(supervisor, waited_us);
	dispatch_place(supervisor);
}

/* Without it the tick looks, more seldom. */
static void
start_timer(struct supervisor *supervisor)
{
	const struct timespec interval = {.tv_nsec = LOOK_NS};
	const struct itimerspec setting = {.it_interval = interval, .it_value = interval};
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	if (timer < 0)
		return;
	if (timerfd_settime(timer, 0, &setting, NULL) < 0 ||
	    watch_add(
		supervisor->epoll, timer, EPOLLIN, (struct watch_note){.kind = WATCH_TAKEOVER}) < 0)
		close(timer);
	else
		supervisor->takeover.timer = timer;
}

/* Workers begin with the first while the last are asked still. */
static void
ask(struct supervisor *supervisor)
{
	struct takeover *takeover = &supervisor->takeover;

	for (uint32_t i = 0; i < takeover->sessions; i++) {
		struct takeover_session *session = &takeover->session[i];

		for (int leg = 0; leg < SHM_LEGS; leg++)
			takeover_leg_ask(&session->leg[leg]);
		if (!session->leg[SHM_CLIENT].asks && !session->leg[SHM_SERVER].asks)
			hand_on(supervisor, session);
		FAILPOINT(takeover_handing);
		if ((i + 1) % ASKED_AT_ONCE != 0)
			continue;
		dispatch_place(supervisor);
		dispatch_flush(supervisor);
	}
	dispatch_place(supervisor);
}

bool
takeover_ask_lets_early_pass(struct supervisor *supervisor)
{
	struct takeover *takeover = &supervisor->takeover;

	if (takeover->session == NULL || takeover->early_pass)
		return true;
	takeover->early_pass =
	    takeover->status.opened_us != 0 &&
	    (counter_total(&supervisor->shm, COUNTER_sessions_adopted) >=
		    takeover->adopted_before + takeover->handed_on ||
		monotonic_now_us() - takeover->status.opened_us >= EARLY_MOST_US);
	return takeover->early_pass;
}

void
takeover_ask_all(struct supervisor *supervisor)
{
	struct takeover *takeover = &supervisor->takeover;

	if (takeover->status.opened_us != 0 ||
	    (takeover->session == NULL && !takeover_shelf_waits(supervisor)))
		return;
	FAILPOINT(takeover_opened);
	takeover->status.opened_us = monotonic_now_us();
	takeover_publish(supervisor);
	if (takeover->session == NULL) {
		takeover_shelf_hand_on(supervisor);
		return;
	}
	takeover->waiting = takeover->sessions;
	takeover->adopted_before = counter_total(&supervisor->shm, COUNTER_sessions_adopted);
	ask(supervisor);
	takeover_embryo_ask(supervisor);
	takeover_embryo_look(supervisor, 0);
	takeover->status.probed_us = monotonic_now_us();
	takeover_publish(supervisor);
	FAILPOINT(takeover_asked);
	start_timer(supervisor);
	takeover_ask_look(supervisor);
}

void
takeover_ask_look(struct supervisor *supervisor)
{
	struct takeover *takeover = &supervisor->takeover;
	uint64_t times;

	if (takeover->session == NULL || takeover->status.opened_us == 0)
		return;
	if (takeover->timer >= 0 && read(takeover->timer, &times, sizeof(times)) != sizeof(times) &&
	    errno != EAGAIN)
		return;
	look_at_all(supervisor);
	if (takeover->waiting > 0 || takeover->embryos > 0)
		return;
	takeover_ask_note_done(supervisor);
	/* The timer looks as long as anything waits for workers. */
	if (takeover_ask_lets_early_pass(supervisor))
		takeover_drop(supervisor);
}
