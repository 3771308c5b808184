/*
 * policy_area -- what the manager publishes to supervisor and workers
 *
 * Policies: POLICY_SLOTS images, each the compiled form of one policy map.  An image is opaque
 * here (worker/inspect/policy.h is its inside).  The manager fills a slot that no session names
 * (custody.policy_slot) and no listener table names, then publishes `state`; an image never
 * changes while it is READY.
 *
 * Listener tables: two, used in turn.  The manager fills the one that is not current and asks the
 * supervisor to apply it; the supervisor copies it, checks every field, opens what is new, and
 * only then closes what is gone.  The answer says whether it holds now.
 *
 * The manager changes `heartbeat` at each turn of its loop, so that the supervisor finds it hanging.
 */
#ifndef SHM_POLICY_AREA_H
#define SHM_POLICY_AREA_H

#include "shm/layout.h"

#include <stdbool.h>
#include <stddef.h>

#define POLICY_SLOTS	  32u
#define POLICY_IMAGE_MAX  32768u
#define POLICY_HASH_SIZE  32u
#define LISTENERS_MAX	  256u
#define LISTENER_NAME_MAX 64u
#define CLASS_RULES_MAX	  4096u
#define CLASSES_MAX	  128u
#define CLASS_NAME_SIZE	  44u
#define CLASS_NONE	  UINT16_MAX

enum policy_slot_state { POLICY_EMPTY, POLICY_FILLING, POLICY_READY };

struct policy_slot {
	_Atomic uint32_t state;
	uint32_t size;
	uint8_t generation[POLICY_HASH_SIZE]; /* SHA-256 of the canonical text */
	char name[64];
	_Alignas(SHM_CACHE_LINE) uint8_t image[POLICY_IMAGE_MAX];
};

enum client_address_mode { CLIENT_HIDDEN }; /* others: a later `client-address` */

struct listener_entry {
	struct shm_endpoint listen;
	struct shm_endpoint server;
	struct shm_endpoint source; /* of the server leg; family 0: the kernel's choice */
	uint32_t policy_slot;
	uint8_t mode;		/* enum slot_mode */
	uint8_t client_address; /* enum client_address_mode */
	uint8_t reserved0[2];
	uint32_t connections_max; /* 0 = no limit of its own */
	uint32_t embryonic_max;
	uint32_t class_first; /* its rules in the table's class_rule, in order */
	uint32_t class_count;
	uint16_t class_own; /* in class_of: asked last, has no rules, takes everybody; CLASS_NONE */
	uint8_t reserved1[18];
};
_Static_assert(sizeof(struct listener_entry) == 104, "listener is part of the ABI");

/* `set connection`; 0: no limit. */
struct class_limits {
	uint32_t connections_max; /* to each server */
	uint32_t embryonic_max;
	uint32_t client_max; /* of each client */
	uint32_t client_embryonic_max;
};

/*
 * A class of a policy-map that listeners of the table have.  The same class-map in two policy-maps
 * is two of them.  How a session is treated and how many there may be are two questions: the first
 * class that takes the client and has a say answers each.
 */
struct class_entry {
	char policy[CLASS_NAME_SIZE];
	char name[CLASS_NAME_SIZE];
	struct class_limits limits;
	uint8_t limits_given; /* it has a say about limits, be they none */
	uint8_t limits_only;  /* it has none about mode and policy */
	uint8_t reserved[22];
};
_Static_assert(sizeof(struct class_entry) == 128, "class is part of the ABI");

/*
 * One entry of an access-list, of a class that a listener's policy names, as far as the client's
 * address is left to be asked (the server's is known when the table is made).  The rules of a
 * class stand together; the first that fits decides over its class: PERMIT takes the client,
 * otherwise the next class is asked.  The class that has taken it gives the session its mode and
 * policy, which stand in each of its rules.  When none does the listener's own mode and policy hold.
 */
struct class_rule {
	struct shm_endpoint client; /* port 0 */
	uint8_t prefix;		    /* bits of the address that count; family 0: any client */
	uint8_t permit;
	uint8_t mode; /* enum slot_mode */
	uint8_t reserved;
	uint16_t class_index; /* in the table's class_of; rises within a listener */
	uint16_t policy_slot;
};
_Static_assert(sizeof(struct class_rule) == 28, "class rule is part of the ABI");

struct listener_table {
	uint64_t sequence;
	uint32_t count;
	uint32_t class_rules;
	uint32_t classes;
	uint32_t reserved;
	struct listener_entry entry[LISTENERS_MAX];
	struct class_entry class_of[CLASSES_MAX];
	struct class_rule class_rule[CLASS_RULES_MAX];
};

struct policy_area {
	struct listener_table listeners[2];
	_Alignas(SHM_CACHE_LINE) _Atomic uint64_t heartbeat;
	_Alignas(SHM_CACHE_LINE) struct policy_slot slot[POLICY_SLOTS];
};

/* READY slot with that image, or NULL (index out of range, not ready, size beyond the slot). */
const uint8_t *policy_area_image(const struct policy_area *area, uint32_t slot, size_t *ret_size);
/* The READY slot of the policy whose generation begins with `hash`; SHM_NO_SLOT: it is not loaded. */
uint32_t policy_area_find(const struct policy_area *area, uint64_t hash);
/* Copies and checks: counts, families, prefixes, modes, policy slots, classes and class rules in
 * range, their order, names that end. -EPROTO. */
int policy_area_listeners(
    const struct policy_area *area, uint32_t table, struct listener_table *ret_table);

#endif
