#include "daemon/sync/custody_wire.h"

#include <string.h>

_Static_assert(SYNC_CLASS_NAME_MAX + 1 == CLASS_NAME_SIZE, "a class name fits in both");

struct sync_address
custody_wire_address(const struct shm_endpoint *endpoint)
{
	switch (endpoint->family) {
	case 4:
		return (struct sync_address){{endpoint->address, 4}, endpoint->port};
	case 6:
		return (struct sync_address){{endpoint->address, 16}, endpoint->port};
	default:
		return (struct sync_address){0};
	}
}

struct shm_endpoint
custody_wire_endpoint(const struct sync_address *address)
{
	struct shm_endpoint endpoint = {.port = (uint16_t)address->port};

	if (address->bytes.length == 0)
		return endpoint;
	endpoint.family = address->bytes.length == 4 ? 4 : 6;
	memcpy(endpoint.address, address->bytes.data, address->bytes.length);
	return endpoint;
}

static struct sync_tcp
to_tcp(const struct leg_tcp *tcp)
{
	return (struct sync_tcp){
	    .receive_sequence = tcp->receive_sequence,
	    .send_sequence = tcp->send_sequence,
	    .timestamp = tcp->timestamp,
	    .send_window = tcp->send_window,
	    .max_window = tcp->max_window,
	    .receive_window = tcp->receive_window,
	    .rtt_us = tcp->rtt_us,
	    .mss = tcp->mss,
	    .send_scale = tcp->send_scale,
	    .receive_scale = tcp->receive_scale,
	    .options = tcp->options,
	    .dumped_ms = tcp->dumped_ms,
	};
}

static struct leg_tcp
from_tcp(const struct sync_tcp *tcp)
{
	return (struct leg_tcp){
	    .receive_sequence = tcp->receive_sequence,
	    .send_sequence = tcp->send_sequence,
	    .timestamp = tcp->timestamp,
	    .send_window = tcp->send_window,
	    .max_window = tcp->max_window,
	    .receive_window = tcp->receive_window,
	    .rtt_us = tcp->rtt_us,
	    .mss = (uint16_t)tcp->mss,
	    .send_scale = (uint8_t)tcp->send_scale,
	    .receive_scale = (uint8_t)tcp->receive_scale,
	    .options = (uint8_t)tcp->options,
	    .dumped = 1,
	    .dumped_ms = tcp->dumped_ms,
	};
}

static struct sync_leg
to_leg(const struct slot_leg *leg, uint32_t which)
{
	return (struct sync_leg){
	    .leg = which,
	    .state = atomic_load_explicit(&leg->state, memory_order_relaxed),
	    .error = (uint32_t)leg->error,
	    .local = custody_wire_address(&leg->local),
	    .peer = custody_wire_address(&leg->peer),
	    .base_received = leg->base_received,
	    .base_written = leg->base_written,
	    .dumped = leg->tcp.dumped != 0,
	    .tcp = to_tcp(&leg->tcp),
	};
}

void
custody_wire_read(const struct slot_custody *custody, struct custody_wire *ret_wire)
{
	struct custody_wire *wire = ret_wire;

	memset(wire, 0, sizeof(*wire));
	memcpy(wire->class_name, custody->class_name, SYNC_CLASS_NAME_MAX);
	wire->source = custody->source;
	wire->identity = (struct sync_identity){
	    .session_id = custody->session_id,
	    .opened_ms = custody->opened_ms,
	    .opened_us = custody->opened_us,
	    .policy = custody->policy_hash,
	    .mode = custody->mode,
	    .class_name = wire->class_name,
	    .source = custody_wire_address(&wire->source),
	};
	memcpy(wire->copy, custody->leg, sizeof(wire->copy));
	for (uint32_t leg = 0; leg < SHM_LEGS; leg++) {
		/* They are this host's own, and no reason to tell the rest again. */
		wire->copy[leg].cookie = 0;
		atomic_store_explicit(&wire->copy[leg].accepted, 0, memory_order_relaxed);
		wire->leg[leg] = to_leg(&wire->copy[leg], leg);
	}
	wire->check = record_checksum_bytes(wire->copy, sizeof(wire->copy)) ^ wire->identity.policy;
}

void
custody_wire_put_identity(struct slot_custody *custody, const struct sync_identity *identity)
{
	custody->session_id = identity->session_id;
	custody->opened_ms = identity->opened_ms;
	custody->opened_us = identity->opened_us;
	custody->policy_hash = identity->policy;
	custody->mode = (uint8_t)identity->mode;
	memset(custody->class_name, 0, sizeof(custody->class_name));
	memcpy(custody->class_name, identity->class_name, strlen(identity->class_name));
	custody->source = custody_wire_endpoint(&identity->source);
}

void
custody_wire_put_leg(struct slot_custody *custody, const struct sync_leg *leg)
{
	struct slot_leg *to = &custody->leg[leg->leg];

	to->error = (int32_t)leg->error;
	to->base_received = leg->base_received;
	to->base_written = leg->base_written;
	to->local = custody_wire_endpoint(&leg->local);
	to->peer = custody_wire_endpoint(&leg->peer);
	to->tcp = leg->dumped ? from_tcp(&leg->tcp) : (struct leg_tcp){0};
	atomic_store_explicit(&to->state, leg->state, memory_order_release);
}
