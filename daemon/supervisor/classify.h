/*
 * classify -- which class takes a client, and so how its session is treated and limited
 *
 * The rules of a listener are asked in order, one class after the other (struct class_rule and
 * struct class_entry say how).  They are asked once for each connection, so each is prepared once,
 * when its table is applied: address and prefix become value and mask.  A listener without rules
 * costs nothing; 4,096 of which none fits cost 3 to 6 us.
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
	uint64_t value[2]; /* as in struct address */
	uint64_t mask[2];
	uint8_t family; /* 4, 6; 0: any client */
	bool permit;
	uint8_t mode;
	uint8_t answers; /* what its class has a say about; private */
	uint16_t class_index;
	uint16_t policy_slot;
};

/* The classes of a listener table, ready to be asked. */
struct classify_table {
	struct class_entry class_of[CLASSES_MAX];
	struct classify_rule rule[CLASS_RULES_MAX];
	bool rules_limit; /* a class with rules has a say about limits */
};

struct classify_decision {
	uint32_t policy_slot;
	uint8_t mode;	       /* enum slot_mode */
	uint16_t class_index;  /* that gives them; CLASS_NONE: they are the listener's own */
	uint16_t limits_class; /* whose limits hold; CLASS_NONE: there are none */
};

/* `listeners` were checked (policy_area_listeners()). */
void classify_prepare(struct classify_table *table, const struct listener_table *listeners);
/* `entry`: of the same table. */
struct classify_decision classify(const struct classify_table *table,
    const struct listener_entry *entry, const struct shm_endpoint *client);
/* Its limits_class alone. */
uint16_t classify_limits(const struct classify_table *table, const struct listener_entry *entry,
    const struct shm_endpoint *client);

#endif
