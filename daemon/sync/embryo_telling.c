#include "daemon/sync/embryo_telling.h"

#include "daemon/sync/custody_wire.h"

void
embryo_telling_init(
    struct embryo_telling *telling, const struct embryo_ring *ring, struct gate_positions *table)
{
	telling->ring = table != NULL ? ring : NULL;
	telling->table = table;
	telling->known = telling->ring != NULL ? gate_positions_known_embryos(table) : 0;
	telling->told = telling->known;
}

void
embryo_telling_begin(struct embryo_telling *telling)
{
	telling->told = telling->known;
}

static struct sync_entry
entry_of(const struct embryo *embryo, uint64_t seen_ms)
{
	return (struct sync_entry){
	    .kind = SYNC_ENTRY_EMBRYO,
	    .embryo =
		{
		    .number = embryo->number,
		    .local = custody_wire_address(&embryo->local),
		    .peer = custody_wire_address(&embryo->peer),
		    .send_next = embryo->send_next,
		    .receive_next = embryo->receive_next,
		    .timestamp = embryo->timestamp,
		    .peer_timestamp = embryo->peer_timestamp,
		    .segment_size = embryo->segment_size,
		    .window = embryo->window,
		    .window_scale = embryo->window_scale,
		    .options = embryo->options,
		    .seen_ms = seen_ms,
		},
	};
}

static enum outgoing_result
tell(struct embryo_telling *telling, struct channel *channel, uint64_t now_us, uint64_t seen_ms)
{
	uint64_t number = telling->told + 1;
	enum outgoing_result result = OUTGOING_TAKEN;
	struct embryo embryo;

	if (embryo_get(telling->ring, number, &embryo)) {
		struct sync_entry entry = entry_of(&embryo, seen_ms);

		result = channel_append(channel, now_us, &entry);
	}
	if (result != OUTGOING_TAKEN && result != OUTGOING_BAD_ENTRY)
		return result;
	telling->told = number;
	telling->lsn[number % EMBRYO_MOST] = outgoing_newest(channel_outgoing(channel));
	return OUTGOING_TAKEN;
}

enum outgoing_result
embryo_telling_step(
    struct embryo_telling *telling, struct channel *channel, uint64_t now_us, uint64_t seen_ms)
{
	enum outgoing_result result = OUTGOING_TAKEN;
	uint64_t written;

	if (telling->ring == NULL)
		return OUTGOING_TAKEN;
	written = atomic_load_explicit(&telling->ring->written, memory_order_acquire);
	/* Those that are written over have been dropped or let go. */
	if (written > telling->told + EMBRYO_MOST)
		telling->told = written - EMBRYO_MOST;
	while (result == OUTGOING_TAKEN && telling->told < written)
		result = tell(telling, channel, now_us, seen_ms);
	return result;
}

void
embryo_telling_acknowledge(struct embryo_telling *telling, uint64_t lsn)
{
	uint64_t known = telling->known;

	if (telling->ring == NULL)
		return;
	/* Of those that were passed over nothing is kept here. */
	if (telling->told > known + EMBRYO_MOST)
		known = telling->told - EMBRYO_MOST;
	while (known < telling->told && telling->lsn[(known + 1) % EMBRYO_MOST] <= lsn)
		known++;
	if (known == telling->known)
		return;
	telling->known = known;
	gate_positions_know_embryos(telling->table, known);
}
