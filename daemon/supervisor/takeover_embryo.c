#include "daemon/supervisor/takeover_embryo.h"

#include "daemon/supervisor/accept.h"
#include "daemon/supervisor/leg.h"
#include "daemon/supervisor/opening.h"
#include "daemon/supervisor/supervisor.h"
#include "daemon/supervisor/takeover_session.h"
#include "shm/embryos.h"

#include <errno.h>
#include <linux/tcp.h>
#include <stdlib.h>

#define MSS_LEAST_IPV4 536
#define MSS_LEAST_IPV6 1220

/* A client that has received nothing has room for so much. */
#define ROOM	   14600u
#define SCALE_MOST 14u

/* By then whoever lives has answered, but over the longest ways. */
#define ANSWER_MOST_US 900000u

void
takeover_embryo_plan(const struct embryo *embryo, uint64_t gateway_ms, struct leg_plan *ret_plan)
{
	struct leg_plan *plan = ret_plan;
	const struct slot_leg leg = {
	    .local = embryo->local,
	    .peer = embryo->peer,
	    .tcp =
		{
		    .receive_sequence = embryo->receive_next,
		    .send_sequence = embryo->send_next,
		    .timestamp = embryo->timestamp,
		    .receive_window = embryo->window,
		    .mss = embryo->peer.family == 6 ? MSS_LEAST_IPV6 : MSS_LEAST_IPV4,
		    .dumped_ms = embryo->seen_ms,
		},
	};
	const struct record nothing = {0};

	leg_plan_make(&leg, &nothing, SHM_CLIENT, 0, gateway_ms, plan);
	if (embryo->window_scale != EMBRYO_NO_SCALE) {
		plan->tcp.options |= TCPI_OPT_WSCALE;
		plan->tcp.receive_scale = embryo->window_scale;
	}
	if (embryo->options & EMBRYO_SACK)
		plan->tcp.options |= TCPI_OPT_SACK;
	if (embryo->options & EMBRYO_TIMESTAMPS)
		plan->tcp.options |= TCPI_OPT_TIMESTAMPS;
}

uint8_t
takeover_embryo_scale(uint32_t window)
{
	uint8_t scale = 0;

	while (scale < SCALE_MOST && (uint64_t)window << (scale + 1) <= ROOM)
		scale++;
	return scale;
}

/* -1: nobody listens there. */
static int64_t
listener_of(const struct listeners *listeners, const struct shm_endpoint *local)
{
	for (uint32_t i = 0; i < listeners->count; i++)
		if (listener_takes(&listeners->listener[i], local))
			return i;
	return -1;
}

static void
restore(struct supervisor *supervisor, const struct embryo *embryo)
{
	struct takeover *takeover = &supervisor->takeover;
	int64_t listener = listener_of(&supervisor->listeners, &embryo->local);
	struct leg_plan plan;
	int fd;

	if (listener < 0 || supervisor->gateway_ms > embryo->seen_ms + TAKEOVER_EMBRYO_MS)
		return;
	takeover_embryo_plan(embryo, supervisor->gateway_ms, &plan);
	plan.mark = gate_child_is_there(supervisor) ? MARK_LISTENER : 0;
	fd = leg_restore(&plan, NULL, 0);
	if (fd >= 0)
		takeover->embryo[takeover->embryos++] = (struct takeover_embryo){
		    .fd = fd, .listener = (uint32_t)listener, .embryo = *embryo, .plan = plan};
}

/* Sync writes there no more. */
void
takeover_embryo_restore(struct supervisor *supervisor)
{
	const struct embryos *embryos = shm_embryos(&supervisor->shm);
	uint32_t count = atomic_load_explicit(&embryos->count, memory_order_acquire);

	if (count > EMBRYO_MOST)
		count = EMBRYO_MOST;
	supervisor->takeover.embryo = calloc(count + 1, sizeof(struct takeover_embryo));
	for (uint32_t i = 0; supervisor->takeover.embryo != NULL && i < count; i++)
		restore(supervisor, &embryos->entry[i]);
}

/* It has the SYN-ACK, and answers the first of them; or waits for it, and takes the second. */
static void
ask(const struct takeover *takeover, const struct takeover_embryo *embryo)
{
	leg_probe(embryo->fd);
	syn_ack_send(&takeover->syn_ack, &embryo->embryo);
}

void
takeover_embryo_ask(struct supervisor *supervisor)
{
	struct takeover *takeover = &supervisor->takeover;

	if (takeover->embryos > 0)
		syn_ack_open(&takeover->syn_ack);
	for (uint32_t i = 0; i < takeover->embryos; i++)
		ask(takeover, &takeover->embryo[i]);
}

static void
arrive(struct supervisor *supervisor, const struct takeover_embryo *embryo)
{
	struct arrival arrival = {
	    .fd = embryo->fd, .listener = embryo->listener, .client = embryo->embryo.peer};

	accept_arrival(supervisor, &arrival);
}

static void
end(const struct takeover_embryo *embryo)
{
	leg_drop(embryo->fd);
}

/* False: it is gone. */
static bool
guess_scale(struct takeover_embryo *embryo, uint32_t window)
{
	int r;

	if (!(embryo->plan.tcp.options & TCPI_OPT_WSCALE))
		return true;
	embryo->plan.tcp.send_scale = takeover_embryo_scale(window);
	if (embryo->plan.tcp.send_scale == 0)
		return true;
	r = leg_restore_again(&embryo->fd, &embryo->plan);
	return r == 0 || r == -EBUSY;
}

/* True: it is somebody else's now. The window was 0 and is what the client has said: a SYN says none. */
static bool
look_at(struct supervisor *supervisor, struct takeover_embryo *embryo, uint64_t waited_us)
{
	struct leg_answer answer;

	if (leg_answer(embryo->fd, &answer) < 0 || answer.is_over || waited_us >= ANSWER_MOST_US) {
		end(embryo);
		return true;
	}
	if (answer.send_window == 0) {
		if (waited_us - embryo->asked_us >= TAKEOVER_AGAIN_US) {
			embryo->asked_us = waited_us;
			ask(&supervisor->takeover, embryo);
		}
		return false;
	}
	if (guess_scale(embryo, answer.send_window))
		arrive(supervisor, embryo);
	return true;
}

void
takeover_embryo_look(struct supervisor *supervisor, uint64_t waited_us)
{
	struct takeover *takeover = &supervisor->takeover;

	for (uint32_t i = 0; i < takeover->embryos;) {
		if (look_at(supervisor, &takeover->embryo[i], waited_us))
			takeover->embryo[i] = takeover->embryo[--takeover->embryos];
		else
			i++;
	}
}

void
takeover_embryo_drop(struct supervisor *supervisor)
{
	struct takeover *takeover = &supervisor->takeover;

	for (uint32_t i = 0; i < takeover->embryos; i++)
		end(&takeover->embryo[i]);
	syn_ack_close(&takeover->syn_ack);
	free(takeover->embryo);
	takeover->embryo = NULL;
	takeover->embryos = 0;
}
