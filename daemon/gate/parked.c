#include "daemon/gate/parked.h"

#include <stdlib.h>

#define NONE UINT32_MAX

struct node {
	struct parked_packet waits;
	uint32_t next; /* of its line, or free */
};

struct line {
	uint32_t first, last; /* NONE: nothing waits */
	uint32_t count;
	uint32_t at; /* where it stands among the busy ones */
};

struct parked {
	uint32_t lines;
	uint32_t free;
	uint32_t busy_count;
	struct line *line; /* by place */
	uint32_t *busy;	   /* places that have a line, in any order */
	struct node node[];
};

struct parked *
parked_create(uint32_t slots, uint32_t most)
{
	struct parked *parked = malloc(sizeof(*parked) + most * sizeof(parked->node[0]));

	if (parked == NULL)
		return NULL;
	*parked = (struct parked){.lines = gate_positions_count(slots)};
	parked->line = malloc(parked->lines * sizeof(parked->line[0]));
	parked->busy = malloc(most * sizeof(parked->busy[0]));
	if (parked->line == NULL || parked->busy == NULL) {
		parked_destroy(parked);
		return NULL;
	}
	for (uint32_t i = 0; i < parked->lines; i++)
		parked->line[i] = (struct line){.first = NONE, .last = NONE};
	for (uint32_t i = 0; i < most; i++)
		parked->node[i].next = i + 1 < most ? i + 1 : NONE;
	parked->free = most > 0 ? 0 : NONE;
	return parked;
}

void
parked_destroy(struct parked *parked)
{
	if (parked == NULL)
		return;
	free(parked->line);
	free(parked->busy);
	free(parked);
}

bool
parked_is_empty(const struct parked *parked)
{
	return parked->busy_count == 0;
}

static bool
says_nothing_beside(const struct parked_packet *earlier, const struct parked_packet *later)
{
	return earlier->is_bare && (int32_t)(later->packet.ack - earlier->packet.ack) >= 0;
}

static void
append(struct parked *parked, struct line *line, uint32_t place, uint32_t index)
{
	if (line->first == NONE) {
		line->first = index;
		line->at = parked->busy_count;
		parked->busy[parked->busy_count++] = place;
	} else {
		parked->node[line->last].next = index;
	}
	line->last = index;
	line->count++;
}

enum parked_answer
parked_add(struct parked *parked, const struct parked_packet *packet, uint32_t *ret_replaced)
{
	uint32_t place = gate_place_of(packet->packet.mark), index = parked->free;
	struct line *line = &parked->line[place < parked->lines ? place : 0];

	if (place >= parked->lines)
		return PARKED_FULL;
	if (line->first != NONE && says_nothing_beside(&parked->node[line->last].waits, packet)) {
		*ret_replaced = parked->node[line->last].waits.id;
		parked->node[line->last].waits = *packet;
		return PARKED_REPLACES;
	}
	if (index == NONE || line->count == PARKED_PLACE_MOST)
		return PARKED_FULL;
	parked->free = parked->node[index].next;
	parked->node[index] = (struct node){.waits = *packet, .next = NONE};
	append(parked, line, place, index);
	return PARKED_WAITS;
}

static void
remove_first(struct parked *parked, struct line *line)
{
	uint32_t index = line->first;

	line->first = parked->node[index].next;
	line->count--;
	parked->node[index].next = parked->free;
	parked->free = index;
	if (line->first != NONE)
		return;
	line->last = NONE;
	uint32_t moved = parked->busy[--parked->busy_count];
	parked->busy[line->at] = moved;
	parked->line[moved].at = line->at;
}

static void
review_line(struct parked *parked, struct line *line, const struct gate_positions *table,
    uint32_t now, parked_verdict *verdict, void *context)
{
	bool is_alone = gate_positions_is_alone(table);

	while (line->first != NONE) {
		const struct parked_packet *first = &parked->node[line->first].waits;
		struct gate_place place = gate_positions_get(table, first->packet.mark);
		enum gate_verdict decided = gate_decide(&first->packet, is_alone, &place);

		if (decided == GATE_HOLD && now - first->since < PARKED_SECONDS_MOST)
			return;
		verdict(context, first->id, decided == GATE_PASS);
		remove_first(parked, line);
	}
}

void
parked_review(struct parked *parked, const struct gate_positions *table, uint32_t now,
    parked_verdict *verdict, void *context)
{
	/* From the end: whatever takes the place of one that goes was seen already. */
	for (uint32_t i = parked->busy_count; i-- > 0;)
		review_line(parked, &parked->line[parked->busy[i]], table, now, verdict, context);
}
