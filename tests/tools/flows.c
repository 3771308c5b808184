#include "tests/tools/flows.h"

#include "daemon/gate/decision.h"
#include "shm/record.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 65536u /* power of two */

struct flow {
	struct flow *next;
	struct shm_endpoint gateway, peer;
	uint32_t gateway_first, peer_first; /* sequence numbers of the first octet */
	bool has_gateway, has_peer;	    /* these are known */
	/* Of the standby. */
	bool is_known;
	uint8_t ending;
	bool has_end; /* the peer's FIN is stored */
	bool is_over;
	uint32_t stored; /* and one for the FIN */
	uint32_t output_end;
	uint64_t moved_ns; /* `stored` is so since */
	/* Of the wire. */
	uint32_t acknowledged; /* by the gateway */
	uint32_t answered;     /* by the peer */
};

struct flows {
	struct flow *bucket[BUCKETS];
};

struct flows *
flows_create(void)
{
	struct flows *flows = calloc(1, sizeof(*flows));

	if (flows == NULL)
		err(1, "flows");
	return flows;
}

void
flows_destroy(struct flows *flows)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		while (flows->bucket[i] != NULL) {
			struct flow *next = flows->bucket[i]->next;

			free(flows->bucket[i]);
			flows->bucket[i] = next;
		}
	}
	free(flows);
}

static bool
is_same(const struct shm_endpoint *one, const struct shm_endpoint *other)
{
	return one->family == other->family && one->port == other->port &&
	       memcmp(one->address, other->address, sizeof(one->address)) == 0;
}

static struct flow *
find(struct flows *flows, const struct shm_endpoint *gateway, const struct shm_endpoint *peer)
{
	struct flow **at =
	    &flows->bucket[(gateway->port * 31u + peer->port + peer->address[3]) & (BUCKETS - 1)];

	for (; *at != NULL; at = &(*at)->next)
		if (is_same(&(*at)->gateway, gateway) && is_same(&(*at)->peer, peer))
			return *at;
	*at = calloc(1, sizeof(**at));
	if (*at == NULL)
		err(1, "flows");
	(*at)->gateway = *gateway;
	(*at)->peer = *peer;
	return *at;
}

void
flows_store(struct flows *flows, const struct store_trace *trace)
{
	struct flow *flow = find(flows, &trace->local, &trace->peer);
	bool has_end = trace->end_seen == ENDING_FIN;
	uint32_t stored = (uint32_t)trace->stored + (has_end || trace->finished);

	flow->is_known = true;
	if (trace->kind != STORE_TRACE_LEG)
		return;
	if (flow->moved_ns == 0 || (int32_t)(stored - flow->stored) > 0) {
		flow->stored = stored;
		flow->moved_ns = trace->when_ns;
	}
	flow->ending = trace->ending;
	flow->has_end = has_end;
	flow->is_over = trace->finished;
	flow->output_end = (uint32_t)trace->output_end;
}

/* A SYN that is not one sent again. */
static void
begin(struct flow *flow, uint32_t *first, bool *has, uint32_t seq)
{
	if (*has && *first == seq + 1)
		return;
	flow->has_gateway = flow->has_peer = flow->is_known = false;
	flow->has_end = flow->is_over = false;
	flow->ending = ENDING_NONE;
	flow->stored = flow->output_end = flow->acknowledged = flow->answered = 0;
	flow->moved_ns = 0;
	*first = seq + 1;
	*has = true;
}

static void
note_syn(struct flow *flow, const struct flow_packet *packet)
{
	uint32_t *first = packet->from_gateway ? &flow->gateway_first : &flow->peer_first;
	bool *has = packet->from_gateway ? &flow->has_gateway : &flow->has_peer;

	if ((packet->flags & GATE_ACK) == 0) {
		begin(flow, first, has, packet->seq);
		return;
	}
	*first = packet->seq + 1;
	*has = true;
}

/* Both ends were said and acknowledged: whoever still repeats himself is answered with RST. */
static bool
is_closed(const struct flow *flow)
{
	return flow->has_end && flow->acknowledged == flow->stored && flow->ending == ENDING_FIN &&
	       flow->answered == flow->output_end + 1;
}

static enum flow_verdict
verdict(const struct flow *flow, const struct flow_packet *packet, uint32_t acknowledged)
{
	uint32_t end = packet->seq + packet->payload - flow->gateway_first;

	if (packet->flags & GATE_SYN)
		return (packet->flags & GATE_ACK) != 0 && !flow->is_known ? FLOW_EMBRYO : FLOW_GOOD;
	if (!flow->has_gateway || !flow->has_peer)
		return FLOW_UNKNOWN;
	if ((packet->flags & GATE_ACK) != 0 && (int32_t)(acknowledged - flow->stored) > 0)
		return FLOW_AHEAD;
	if ((packet->flags & GATE_RST) != 0 && flow->ending != ENDING_RESET && !flow->is_over &&
	    !is_closed(flow))
		return FLOW_RST;
	if ((packet->flags & GATE_FIN) != 0 &&
	    (flow->ending != ENDING_FIN || end != flow->output_end))
		return FLOW_FIN;
	return FLOW_GOOD;
}

struct flow_judgement
flows_judge(struct flows *flows, const struct flow_packet *packet)
{
	struct flow *flow = find(flows, &packet->gateway, &packet->peer);
	struct flow_judgement judgement = {.verdict = FLOW_GOOD};

	if (packet->flags & GATE_SYN)
		note_syn(flow, packet);
	if (!packet->from_gateway) {
		flow->answered = packet->ack - flow->gateway_first;
		return judgement;
	}
	judgement.acknowledged = packet->ack - flow->peer_first;
	judgement.had = flow->stored;
	judgement.ending = flow->ending;
	judgement.verdict = verdict(flow, packet, judgement.acknowledged);
	if (judgement.verdict == FLOW_GOOD && (packet->flags & GATE_ACK) != 0 &&
	    (int32_t)(judgement.acknowledged - flow->acknowledged) > 0) {
		flow->acknowledged = judgement.acknowledged;
		judgement.is_first = judgement.acknowledged == flow->stored;
		judgement.lead_ns = packet->when_ns - flow->moved_ns;
	}
	return judgement;
}

const char *
flow_verdict_word(unsigned verdict)
{
	static const char *const words[] = {
#define X(name, word) [FLOW_##name] = word,
	    FLOW_VERDICTS(X)
#undef X
	};

	return verdict < FLOW_VERDICT_COUNT ? words[verdict] : "";
}
