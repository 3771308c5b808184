/*
 * slot_list -- queues of slots by index
 *
 * Each slot has one link per kind of queue, so it stands in at most one queue of that kind and no
 * queue can outgrow the slots.  The links are the custody's; the supervisor's memory only.
 */
#ifndef SUPERVISOR_SLOT_LIST_H
#define SUPERVISOR_SLOT_LIST_H

#include "shm/layout.h"

#include <stdbool.h>

struct slot_link {
	uint32_t previous;
	uint32_t next;
	bool linked;
};

struct slot_list {
	uint32_t first;
	uint32_t last;
	uint32_t count;
};

void slot_list_init(struct slot_list *list);
void slot_list_append(struct slot_link *links, struct slot_list *list, uint32_t slot);
void slot_list_push(struct slot_link *links, struct slot_list *list, uint32_t slot);
/* `slot` stands in `list`. */
void slot_list_remove(struct slot_link *links, struct slot_list *list, uint32_t slot);
/* SHM_NO_SLOT when empty. */
uint32_t slot_list_take(struct slot_link *links, struct slot_list *list);

#endif
