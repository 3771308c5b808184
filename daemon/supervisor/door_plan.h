/*
 * door_plan -- what the door is made of (door.def), as the text that nft(8) takes and as a comparison
 *
 * The text changes a door that is there in one step and without opening or closing it; where there is
 * none it makes a closed one.  Pure.
 *
 * Supervisor only (also as `smtpguardd --door`).
 */
#ifndef SUPERVISOR_DOOR_PLAN_H
#define SUPERVISOR_DOOR_PLAN_H

#include "daemon/settings.h"
#include "shm/door_view.h"

#include <stdbool.h>
#include <stddef.h>

#define DOOR_TABLE    "smtpguard"
#define DOOR_PRIORITY (-300) /* NF_IP_PRI_RAW */
#define DOOR_NO_HOOK  UINT32_MAX
#define DOOR_TEXT_MAX 16384u

#define DOOR_BIT(family) (1u << (family))
#define DOOR_BOTH	 (DOOR_BIT(DOOR_IPV4) | DOOR_BIT(DOOR_IPV6))

enum door_set {
#define DOOR_SET(name, ...) DOOR_SET_##name,
#include "daemon/supervisor/door.def"
#undef DOOR_SET
	DOOR_SETS
};

enum door_chain {
#define DOOR_CHAIN(name, ...) DOOR_CHAIN_##name,
#include "daemon/supervisor/door.def"
#undef DOOR_CHAIN
	DOOR_CHAINS
};

struct door_rule {
	enum door_chain chain;
	unsigned family;
	const char *words;
	const char *comment;
};

/* What the kernel has. */
struct door_reading {
	bool table;
	bool dormant; /* its chains are not called */
	bool set[DOOR_SETS];
	bool chain[DOOR_CHAINS];     /* there, and at its hook */
	unsigned rules[DOOR_CHAINS]; /* that the chain has */
	bool
	    strange[DOOR_CHAINS]; /* the first that is none of ours, or not at its place, is `at` */
	unsigned at[DOOR_CHAINS];
	unsigned open; /* DOOR_BIT() of the families in the set `open` */
	unsigned addresses;
	struct shm_endpoint address[SETTINGS_ADDRESSES_MAX]; /* of both sets, port 0 */
};

const char *door_set_name(enum door_set set);
const char *door_chain_name(enum door_chain chain);
uint32_t door_chain_hook(enum door_chain chain);
/* The rule at that place of the chain, counted from 0; NULL: none. */
const struct door_rule *door_rule_at(enum door_chain chain, unsigned place);

/* Families that the pair has addresses of, as DOOR_BIT(). */
unsigned door_families(const struct settings_failover *failover);
/* 0, or -ENOSPC. */
int door_plan_write(const struct settings_failover *failover, char *text, size_t size);
/* Fills state and fault. */
void door_plan_compare(const struct settings_failover *failover, const struct door_reading *reading,
    struct door_status *status);

#endif
