#include "daemon/supervisor/door_plan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REMEDY "; `smtpguardd --door install` makes it anew"

static const struct set {
	const char *name;
	unsigned family;
	const char *type;
	const char *comment;
} sets[DOOR_SETS] = {
#define DOOR_SET(name, family, type, comment) {#name, family, type, comment},
#include "daemon/supervisor/door.def"
#undef DOOR_SET
};

static const struct chain {
	const char *name;
	uint32_t hook;
	const char *words;
} chains[DOOR_CHAINS] = {
#define DOOR_CHAIN(name, hook, words) {#name, hook, words},
#include "daemon/supervisor/door.def"
#undef DOOR_CHAIN
};

static const struct door_rule rules[] = {
#define DOOR_RULE(chain, family, words, comment) {DOOR_CHAIN_##chain, family, words, comment},
#include "daemon/supervisor/door.def"
#undef DOOR_RULE
};

#define RULES (sizeof(rules) / sizeof(rules[0]))

const char *
door_set_name(enum door_set set)
{
	return sets[set].name;
}

const char *
door_chain_name(enum door_chain chain)
{
	return chains[chain].name;
}

uint32_t
door_chain_hook(enum door_chain chain)
{
	return chains[chain].hook;
}

const struct door_rule *
door_rule_at(enum door_chain chain, unsigned place)
{
	for (size_t i = 0; i < RULES; i++)
		if (rules[i].chain == chain && place-- == 0)
			return &rules[i];
	return NULL;
}

static enum door_family
family_of(const struct shm_endpoint *address)
{
	return address->family == 4 ? DOOR_IPV4 : DOOR_IPV6;
}

static enum door_set
set_of(const struct shm_endpoint *address)
{
	return address->family == 4 ? DOOR_SET_floating4 : DOOR_SET_floating6;
}

static const char *
write_address(const struct shm_endpoint *address, char text[INET6_ADDRSTRLEN])
{
	int family = address->family == 4 ? AF_INET : AF_INET6;

	return inet_ntop(family, address->address, text, INET6_ADDRSTRLEN) ? text : "?";
}

unsigned
door_families(const struct settings_failover *failover)
{
	unsigned families = 0;

	for (uint32_t i = 0; i < failover->addresses; i++)
		families |= DOOR_BIT(family_of(&failover->address[i]));
	return families;
}

/* ---- as text ---- */

struct output {
	char *text;
	size_t size;
	size_t length; /* what all of it needs */
};

static __attribute__((format(printf, 2, 3))) void
add(struct output *output, const char *format, ...)
{
	size_t room = output->length < output->size ? output->size - output->length : 0;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length =
	    vsnprintf(room > 0 ? output->text + output->length : NULL, room, format, arguments);
	va_end(arguments);
	output->length += length > 0 ? (size_t)length : 0;
}

static void
add_frame(struct output *output)
{
	add(output, "table inet " DOOR_TABLE " {\n"
		    "\tcomment \"door of smtpguard's floating addresses\"\n");
	for (unsigned i = 0; i < DOOR_SETS; i++)
		add(output, "\tset %s {\n\t\ttype %s\n\t\tcomment \"%s\"\n\t}\n", sets[i].name,
		    sets[i].type, sets[i].comment);
	for (unsigned i = 0; i < DOOR_CHAINS; i++)
		add(output, "\tchain %s {\n\t\t%s\n\t}\n", chains[i].name, chains[i].words);
	add(output, "}\n");
}

static void
add_rules(struct output *output)
{
	for (unsigned i = 0; i < DOOR_CHAINS; i++)
		add(output, "flush chain inet " DOOR_TABLE " %s\n", chains[i].name);
	for (size_t i = 0; i < RULES; i++)
		add(output, "add rule inet " DOOR_TABLE " %s %s comment \"%s\"\n",
		    chains[rules[i].chain].name, rules[i].words, rules[i].comment);
}

static void
add_addresses(struct output *output, const struct settings_failover *failover)
{
	add(output, "flush set inet " DOOR_TABLE " %s\nflush set inet " DOOR_TABLE " %s\n",
	    sets[DOOR_SET_floating4].name, sets[DOOR_SET_floating6].name);
	for (uint32_t i = 0; i < failover->addresses; i++) {
		const struct shm_endpoint *address = &failover->address[i];
		char text[INET6_ADDRSTRLEN];

		add(output, "add element inet " DOOR_TABLE " %s { %s }\n",
		    sets[set_of(address)].name, write_address(address, text));
	}
}

int
door_plan_write(const struct settings_failover *failover, char *text, size_t size)
{
	struct output output = {.text = text, .size = size};

	add_frame(&output);
	add_rules(&output);
	add_addresses(&output, failover);
	return output.length < size ? 0 : -ENOSPC;
}

/* ---- as a comparison ---- */

struct comparison {
	const struct settings_failover *failover;
	const struct door_reading *reading;
	struct door_status *status;
};

/* The first thing that is amiss is told; each takes away what it cannot be relied on for. */
static __attribute__((format(printf, 3, 4))) void
amiss(struct comparison *comparison, unsigned family, const char *format, ...)
{
	struct door_status *status = comparison->status;
	bool matters = false;
	va_list arguments;

	for (unsigned i = 0; i < DOOR_FAMILIES; i++)
		if ((family == i || family == DOOR_FAMILIES) && status->state[i] != DOOR_ABSENT) {
			status->state[i] = DOOR_FAULT;
			matters = true;
		}
	if (!matters || status->fault[0] != '\0')
		return;
	va_start(arguments, format);
	vsnprintf(status->fault, sizeof(status->fault), format, arguments);
	va_end(arguments);
}

static void
compare_chain(struct comparison *comparison, enum door_chain chain)
{
	const struct door_reading *reading = comparison->reading;
	const struct door_rule *rule;
	unsigned count = 0;

	if (!reading->chain[chain]) {
		amiss(comparison, DOOR_FAMILIES,
		    "chain %s of table inet " DOOR_TABLE " is not there" REMEDY,
		    chains[chain].name);
		return;
	}
	while ((rule = door_rule_at(chain, count)) != NULL) {
		bool missing = count >= reading->rules[chain] ||
			       (reading->strange[chain] && count >= reading->at[chain]);

		if (missing)
			amiss(comparison, rule->family,
			    "rule \"%s\" of chain %s is not at its place" REMEDY, rule->comment,
			    chains[chain].name);
		count++;
	}
	if (reading->rules[chain] > count)
		amiss(comparison, DOOR_FAMILIES,
		    "chain %s has a rule that is not the door's" REMEDY, chains[chain].name);
}

static bool
has_address(const struct door_reading *reading, const struct shm_endpoint *wanted)
{
	size_t length = wanted->family == 4 ? 4 : 16;

	for (unsigned i = 0; i < reading->addresses; i++)
		if (reading->address[i].family == wanted->family &&
		    memcmp(reading->address[i].address, wanted->address, length) == 0)
			return true;
	return false;
}

static void
compare_addresses(struct comparison *comparison)
{
	const struct settings_failover *failover = comparison->failover;

	for (uint32_t i = 0; i < failover->addresses; i++) {
		const struct shm_endpoint *address = &failover->address[i];
		char text[INET6_ADDRSTRLEN];

		if (!has_address(comparison->reading, address))
			amiss(comparison, family_of(address), "%s is not in the set %s" REMEDY,
			    write_address(address, text), sets[set_of(address)].name);
	}
}

void
door_plan_compare(const struct settings_failover *failover, const struct door_reading *reading,
    struct door_status *status)
{
	struct comparison comparison = {failover, reading, status};
	unsigned families = door_families(failover);

	status->fault[0] = '\0';
	for (unsigned i = 0; i < DOOR_FAMILIES; i++) {
		bool open = (reading->open & DOOR_BIT(i)) != 0;

		status->state[i] = (families & DOOR_BIT(i)) == 0 ? DOOR_ABSENT
				   : open			 ? DOOR_OPEN
								 : DOOR_CLOSED;
	}
	if (!reading->table) {
		amiss(&comparison, DOOR_FAMILIES, "table inet " DOOR_TABLE " is not there" REMEDY);
		return;
	}
	if (reading->dormant)
		amiss(&comparison, DOOR_FAMILIES, "table inet " DOOR_TABLE " is dormant" REMEDY);
	for (unsigned i = 0; i < DOOR_SETS; i++)
		if (!reading->set[i])
			amiss(&comparison, sets[i].family,
			    "set %s of table inet " DOOR_TABLE " is not there" REMEDY,
			    sets[i].name);
	for (unsigned i = 0; i < DOOR_CHAINS; i++)
		compare_chain(&comparison, (enum door_chain)i);
	compare_addresses(&comparison);
}
