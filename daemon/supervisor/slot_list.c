#include "daemon/supervisor/slot_list.h"

void
slot_list_init(struct slot_list *list)
{
	*list = (struct slot_list){.first = SHM_NO_SLOT, .last = SHM_NO_SLOT};
}

void
slot_list_append(struct slot_link *links, struct slot_list *list, uint32_t slot)
{
	links[slot] = (struct slot_link){
	    .previous = list->last,
	    .next = SHM_NO_SLOT,
	    .linked = true,
	};
	if (list->last == SHM_NO_SLOT)
		list->first = slot;
	else
		links[list->last].next = slot;
	list->last = slot;
	list->count++;
}

void
slot_list_push(struct slot_link *links, struct slot_list *list, uint32_t slot)
{
	links[slot] = (struct slot_link){
	    .previous = SHM_NO_SLOT,
	    .next = list->first,
	    .linked = true,
	};
	if (list->first == SHM_NO_SLOT)
		list->last = slot;
	else
		links[list->first].previous = slot;
	list->first = slot;
	list->count++;
}

void
slot_list_remove(struct slot_link *links, struct slot_list *list, uint32_t slot)
{
	struct slot_link *link = &links[slot];

	if (link->previous == SHM_NO_SLOT)
		list->first = link->next;
	else
		links[link->previous].next = link->next;
	if (link->next == SHM_NO_SLOT)
		list->last = link->previous;
	else
		links[link->next].previous = link->previous;
	link->linked = false;
	list->count--;
}

uint32_t
slot_list_take(struct slot_link *links, struct slot_list *list)
{
	uint32_t slot = list->first;

	if (slot != SHM_NO_SLOT)
		slot_list_remove(links, list, slot);
	return slot;
}
