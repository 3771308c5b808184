#include "daemon/supervisor/leg_plan.h"

#include "daemon/endpoint.h"

#include <stdlib.h>

#define MICROSECONDS 1u /* bit 0 of a time stamp */
/* Of what the stamps are ahead, this is left for what else the clocks do. */
#define NEAR_MS (LEG_AHEAD_MS / 2)

static uint32_t
unit_of(uint32_t timestamp)
{
	return timestamp & MICROSECONDS ? 1000 : 1;
}

/* The lowest bit is a flag, and stays what it is. */
static uint32_t
timestamp_after(uint32_t timestamp, uint64_t passed_ms)
{
	return timestamp + ((uint32_t)passed_ms * unit_of(timestamp) & ~MICROSECONDS);
}

static uint32_t
timestamp_at(const struct leg_tcp *tcp, uint64_t gateway_ms)
{
	uint64_t passed_ms = gateway_ms > tcp->dumped_ms ? gateway_ms - tcp->dumped_ms : 0;

	return timestamp_after(tcp->timestamp, passed_ms + LEG_AHEAD_MS);
}

void
leg_plan_make(const struct slot_leg *leg, const struct record *record, enum shm_leg which,
    uint64_t acknowledged, uint64_t gateway_ms, struct leg_plan *ret_plan)
{
	struct leg_plan *plan = ret_plan;

	*plan = (struct leg_plan){
	    .local = leg->local,
	    .peer = leg->peer,
	    .received = record->stored[which],
	    .written = record->outlet[which].written + acknowledged,
	    .tcp = leg->tcp,
	    .keeps_alive = which == SHM_CLIENT,
	};
	plan->tcp.receive_sequence += (uint32_t)(plan->received - leg->base_received);
	plan->tcp.send_sequence += (uint32_t)(plan->written - leg->base_written);
	plan->receive_next = plan->tcp.receive_sequence +
			     (record->end_stored[which] || record->end_seen[which] == ENDING_FIN);
	plan->tcp.timestamp = timestamp_at(&leg->tcp, gateway_ms);
	plan->tcp.dumped_ms = gateway_ms;
	plan->tcp.restored = 1;
	plan->tcp.narrow = 0;
}

static bool
is_same_tcp(const struct leg_tcp *one, const struct leg_tcp *other)
{
	return one->receive_sequence == other->receive_sequence &&
	       one->send_sequence == other->send_sequence &&
	       one->send_window == other->send_window && one->max_window == other->max_window &&
	       one->receive_window == other->receive_window && one->rtt_us == other->rtt_us &&
	       one->mss == other->mss && one->send_scale == other->send_scale &&
	       one->receive_scale == other->receive_scale && one->options == other->options &&
	       one->dumped == other->dumped && one->restored == other->restored &&
	       one->narrow == other->narrow;
}

static bool
is_same(const struct leg_plan *one, const struct leg_plan *other)
{
	return endpoint_compare(&one->local, &other->local) == 0 &&
	       endpoint_compare(&one->peer, &other->peer) == 0 &&
	       one->received == other->received && one->written == other->written &&
	       one->receive_next == other->receive_next && is_same_tcp(&one->tcp, &other->tcp) &&
	       one->mark == other->mark && one->keeps_alive == other->keeps_alive &&
	       one->hides_window == other->hides_window;
}

/* Gateway time may have stood still, and so may this host; and a stamp alone comes round. */
static bool
is_near(const struct leg_plan *plan, const struct leg_plan *made, uint64_t passed_ms)
{
	int64_t apart_ms = (int64_t)(plan->tcp.dumped_ms - made->tcp.dumped_ms - passed_ms);
	uint32_t now = timestamp_after(made->tcp.timestamp, passed_ms);
	int32_t apart = (int32_t)(now - plan->tcp.timestamp) / (int32_t)unit_of(now);

	return unit_of(now) == unit_of(plan->tcp.timestamp) && llabs(apart_ms) <= NEAR_MS &&
	       abs(apart) <= (int32_t)NEAR_MS;
}

bool
leg_plan_is_met(struct leg_plan *plan, const struct leg_plan *made, uint64_t passed_ms)
{
	if (!is_same(plan, made) || !is_near(plan, made, passed_ms))
		return false;
	plan->tcp.timestamp = timestamp_after(made->tcp.timestamp, passed_ms);
	return true;
}
