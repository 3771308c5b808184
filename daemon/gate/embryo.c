#include "daemon/gate/embryo.h"

#include "daemon/gate/packet.h"

#include <string.h>

#define OPTION_END	  0
#define OPTION_NOP	  1
#define OPTION_SIZE	  2
#define OPTION_SCALE	  3
#define OPTION_SACK	  4
#define OPTION_TIMESTAMPS 8

uint64_t
embryo_add(struct embryo_ring *ring, const struct embryo *embryo, uint64_t known)
{
	uint64_t number = atomic_load_explicit(&ring->written, memory_order_relaxed) + 1;
	struct embryo *entry = &ring->entry[number % EMBRYO_MOST];

	if (known < number && number - known > EMBRYO_MOST)
		return 0;
	*entry = *embryo;
	entry->number = number;
	atomic_store_explicit(&ring->written, number, memory_order_release);
	return number;
}

bool
embryo_get(const struct embryo_ring *ring, uint64_t number, struct embryo *ret_embryo)
{
	uint64_t written = atomic_load_explicit(&ring->written, memory_order_acquire);

	if (number == 0 || number > written || written - number >= EMBRYO_MOST)
		return false;
	*ret_embryo = ring->entry[number % EMBRYO_MOST];
	return ret_embryo->number == number;
}

static void
take_option(struct embryo *embryo, const uint8_t *option, uint8_t length)
{
	if (option[0] == OPTION_SIZE && length == 4)
		embryo->segment_size = packet_u16(option + 2);
	else if (option[0] == OPTION_SCALE && length == 3)
		embryo->window_scale = option[2];
	else if (option[0] == OPTION_SACK && length == 2)
		embryo->options |= EMBRYO_SACK;
	else if (option[0] == OPTION_TIMESTAMPS && length == 10) {
		embryo->options |= EMBRYO_TIMESTAMPS;
		embryo->timestamp = packet_u32(option + 2);
		embryo->peer_timestamp = packet_u32(option + 6);
	}
}

/* RFC 9293 3.1: all but the first two kinds tell their length. */
static void
take_options(struct embryo *embryo, const uint8_t *options, size_t length)
{
	for (size_t at = 0; at < length && options[at] != OPTION_END;) {
		if (options[at] == OPTION_NOP) {
			at++;
			continue;
		}
		if (length - at < 2 || options[at + 1] < 2 || options[at + 1] > length - at)
			return;
		take_option(embryo, options + at, options[at + 1]);
		at += options[at + 1];
	}
}

static struct shm_endpoint
endpoint_of(const struct packet_headers *headers, bool is_source)
{
	struct shm_endpoint endpoint = {.family = headers->is_ipv6 ? 6 : 4};
	size_t size = headers->is_ipv6 ? 16 : 4;
	const uint8_t *first = headers->ip + (headers->is_ipv6 ? 8 : 12);

	memcpy(endpoint.address, is_source ? first : first + size, size);
	endpoint.port = packet_u16(is_source ? headers->tcp : headers->tcp + 2);
	return endpoint;
}

bool
embryo_parse(const uint8_t *packet, size_t length, struct embryo *ret_embryo)
{
	struct packet_headers headers;
	struct gate_packet asked;

	if (!packet_parse(packet, length, length, &headers))
		return false;
	asked = packet_to_decide(&headers, 0);
	if ((asked.flags & (GATE_SYN | GATE_ACK)) != (GATE_SYN | GATE_ACK))
		return false;
	*ret_embryo = (struct embryo){
	    .local = endpoint_of(&headers, true),
	    .peer = endpoint_of(&headers, false),
	    .send_next = packet_u32(headers.tcp + 4) + 1,
	    .receive_next = asked.ack,
	    .window = packet_u16(headers.tcp + 14),
	    .window_scale = EMBRYO_NO_SCALE,
	};
	take_options(ret_embryo, headers.options, headers.options_length);
	return true;
}
