/*
 * classify -- which class takes a client, and so how its session is treated
 *
 * The rules of a listener are asked in order, one class after the other (struct class_rule says
 * how).  They are asked once for each connection, so each is prepared once, when its table is
 * applied: address and prefix become value and mask.  A listener without rules costs nothing;
 * 4,096 of which none fits cost 3 to 6 us.
 *
 * IPv4 and IPv4-mapped IPv6 are the same here, in clients and in rules.  A shorter IPv6 prefix,
 * ::/0 too, covers IPv6 alone.
 *
 * Pure.  Supervisor only.
 */
#ifndef SUPERVISOR_CLASSIFY_H
#define SUPERVISOR_CLASSIFY_H

#include "shm/policy_area.h"

struct classify_rule {
	uint64_t value[2]; /* the address as 128 bits, IPv4 mapped; most significant half first */
	uint64_t mask[2];
	uint8_t family; /* 4, 6; 0: any client */
	bool permit;
	uint8_t mode;
	uint16_t class_index;
	uint16_t policy_slot;
};

struct classify_decision {
	uint32_t policy_slot;
	uint8_t mode;	      /* enum slot_mode */
	uint16_t class_index; /* CLASS_NONE: the listener's own mode and policy */
};

/* `rule` was checked (policy_area_listeners()). */
void classify_prepare(const struct class_rule *rule, struct classify_rule *ret_rule);
/* `rules`: of the whole table, to which entry->class_first belongs. */
struct classify_decision classify(const struct listener_entry *entry,
    const struct classify_rule *rules, const struct shm_endpoint *client);

#endif
