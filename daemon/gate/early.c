#include "daemon/gate/early.h"

bool
early_add(struct early *early, const struct early_packet *packet)
{
	if (early->count == EARLY_MOST || early->octets + packet->octets > EARLY_OCTETS_MOST)
		return false;
	early->packet[(early->first + early->count++) % EARLY_MOST] = *packet;
	early->octets += packet->octets;
	return true;
}

bool
early_take(struct early *early, uint32_t *ret_id)
{
	const struct early_packet *packet = &early->packet[early->first];

	if (early->count == 0)
		return false;
	*ret_id = packet->id;
	early->octets -= packet->octets;
	early->first = (early->first + 1) % EARLY_MOST;
	early->count--;
	return true;
}

bool
early_take_old(struct early *early, uint64_t now_ms, uint32_t *ret_id)
{
	const struct early_packet *packet = &early->packet[early->first];

	return early->count > 0 && now_ms - packet->since_ms >= EARLY_MS_MOST &&
	       early_take(early, ret_id);
}
