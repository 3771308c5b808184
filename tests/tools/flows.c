#include "tests/tools/flows.h"

#include "daemon/gate/decision.h"
#include "shm/record.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 65536u /* power of two */

/* From one SYN to the next. */
struct life {
	uint32_t gateway_first, peer_first; /* sequence numbers of the first octet */
	bool has_gateway, has_peer;	    /* these are known */
	/* Of the standby. */
	bool is_known;
	uint8_t ending;
	bool has_fin; /* the end by FIN is stored, or was before that by RST */
	bool has_end; /* the peer's FIN is stored */
	bool is_over;
	uint32_t stored; /* and one for the FIN */
	uint32_t output_end;
	uint32_t fin_at;   /* has_fin: octets before it */
	uint64_t moved_ns; /* `stored` is so since */
	/* Of the wire. */
	uint32_t acknowledged; /* by the gateway */
	uint32_t answered;     /* by the peer */
};

struct flow {
	struct flow *next;
	struct shm_endpoint gateway, peer;
	struct life life, before;
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
	struct life *life = &find(flows, &trace->local, &trace->peer)->life;
	bool has_end = trace->end_seen == ENDING_FIN;
	uint32_t stored = (uint32_t)trace->stored + (has_end || trace->finished);

	life->is_known = true;
	if (trace->kind != STORE_TRACE_LEG)
		return;
	if (life->moved_ns == 0 || (int32_t)(stored - life->stored) > 0) {
		life->stored = stored;
		life->moved_ns = trace->when_ns;
	}
	life->ending = trace->ending;
	life->has_end = has_end;
	life->is_over = trace->finished;
	life->output_end = (uint32_t)trace->output_end;
	if (trace->ending == ENDING_FIN) {
		life->has_fin = true;
		life->fin_at = life->output_end;
	}
}

/* A SYN that is not one sent again. */
static void
begin(struct flow *flow, bool from_gateway, uint32_t first)
{
	const struct life *life = &flow->life;

	if (from_gateway ? life->has_gateway && life->gateway_first == first
			 : life->has_peer && life->peer_first == first)
		return;
	flow->before = flow->life;
	flow->life = (struct life){.peer_first = 0};
}

static void
note_syn(struct flow *flow, const struct flow_packet *packet)
{
	if ((packet->flags & GATE_ACK) == 0)
		begin(flow, packet->from_gateway, packet->seq + 1);
	if (packet->from_gateway) {
		flow->life.gateway_first = packet->seq + 1;
		flow->life.has_gateway = true;
	} else {
		flow->life.peer_first = packet->seq + 1;
		flow->life.has_peer = true;
	}
}

/* Both ends were said and acknowledged: whoever still repeats himself is answered with RST. */
static bool
is_closed(const struct life *life)
{
	return life->has_end && life->acknowledged == life->stored && life->ending == ENDING_FIN &&
	       life->answered == life->output_end + 1;
}

static enum flow_verdict
verdict(const struct life *life, const struct flow_packet *packet, uint32_t acknowledged)
{
	uint32_t end = packet->seq + packet->payload - life->gateway_first;

	if (packet->flags & GATE_SYN)
		return (packet->flags & GATE_ACK) != 0 && !life->is_known ? FLOW_EMBRYO : FLOW_GOOD;
	if (!life->has_gateway || !life->has_peer)
		return FLOW_UNKNOWN;
	if ((packet->flags & (GATE_ACK | GATE_RST)) == GATE_ACK &&
	    (int32_t)(acknowledged - life->stored) > 0)
		return FLOW_AHEAD;
	if ((packet->flags & GATE_RST) != 0 && life->ending != ENDING_RESET && !life->is_over &&
	    !is_closed(life))
		return FLOW_RST;
	if ((packet->flags & GATE_FIN) != 0 && (!life->has_fin || end != life->fin_at))
		return FLOW_FIN;
	return FLOW_GOOD;
}

struct flow_judgement
flows_judge(struct flows *flows, const struct flow_packet *packet)
{
	struct flow *flow = find(flows, &packet->gateway, &packet->peer);
	struct life *life = &flow->life;
	struct flow_judgement judgement = {.verdict = FLOW_GOOD};

	if (packet->flags & GATE_SYN)
		note_syn(flow, packet);
	/* A SYN that came before the connection before had its end is answered by that. */
	if ((packet->flags & GATE_SYN) == 0 && !life->has_gateway)
		life = &flow->before;
	if (!packet->from_gateway) {
		life->answered = packet->ack - life->gateway_first;
		return judgement;
	}
	judgement.acknowledged = packet->ack - life->peer_first;
	judgement.had = life->stored;
	judgement.ending = life->ending;
	judgement.verdict = verdict(life, packet, judgement.acknowledged);
	if (judgement.verdict == FLOW_GOOD && (packet->flags & GATE_ACK) != 0 &&
	    (int32_t)(judgement.acknowledged - life->acknowledged) > 0) {
		life->acknowledged = judgement.acknowledged;
		judgement.is_first = judgement.acknowledged == life->stored;
		judgement.lead_ns = packet->when_ns - life->moved_ns;
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
