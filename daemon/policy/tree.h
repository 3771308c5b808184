/*
 * tree -- what is inside a configuration
 *
 * One flat block without pointers, every list bounded: a clone is a copy.  Owned by config.h;
 * known to the modules of this library only.  Lists keep the order of entry, but
 * global_policy and the global service-policy stand first, where the factory has them: so what is
 * printed gives the same order when it is entered again.  For the same reason their places are kept
 * free while they are not there.  Classes stand in the order in which they are asked:
 * inspection_default last.  The lines of an access-list stand together.
 */
#ifndef DAEMON_POLICY_TREE_H
#define DAEMON_POLICY_TREE_H

#include "daemon/policy/access_entry.h"
#include "daemon/policy/config.h"
#include "daemon/policy/connection_limits.h"
#include "daemon/policy/match_rule.h"
#include "daemon/policy/parameters.h"
#include "shm/layout.h"

#define CONFIG_NAME_MAX	       40
#define CONFIG_DESCRIPTION_MAX 200
#define CONFIG_HOSTNAME_MAX    63
#define CONFIG_INTERFACE_MAX   32
#define CONFIG_REMARK_MAX      100

#define CONFIG_STATICS_MAX	256
#define CONFIG_FIXUPS_MAX	16
#define CONFIG_ACCESS_LINES_MAX 1024
#define CONFIG_CLASS_MAPS_MAX	64
#define CONFIG_MAPS_MAX		15
#define CONFIG_POLICIES_MAX	16
#define CONFIG_CLASSES_MAX	32
#define CONFIG_SERVICES_MAX	16

#define CONFIG_DEFAULT_HOSTNAME "smtpguard"
#define CONFIG_DEFAULT_MAP	"_default_esmtp_map"
#define CONFIG_DEFAULT_POLICY	"global_policy"
#define CONFIG_DEFAULT_CLASS	"inspection_default"
#define CONFIG_FIXUP_MAP	"_compat_fixup_5_1"

struct config_static {
	char real[CONFIG_INTERFACE_MAX + 1]; /* interface of the server */
	char mapped[CONFIG_INTERFACE_MAX + 1];
	bool with_ports; /* written with `tcp`, address and port */
	struct shm_endpoint listen;
	struct shm_endpoint server;
	struct shm_endpoint source; /* family 0: none */
	uint32_t connections_max;
	uint32_t embryonic_max;
};

/* fixup protocol smtp, for the statics that listen on one of these ports.  Of several that hold a
 * port the last one counts; none lies wholly within a later one. */
struct config_fixup {
	uint16_t first;
	uint16_t last;
	bool on; /* false: `no fixup`, relayed */
};

/* A line of an access-list; a list is there while it has a line. */
struct config_access_line {
	char list[CONFIG_NAME_MAX + 1];
	char remark[CONFIG_REMARK_MAX + 1]; /* "": it is an entry */
	struct access_entry entry;
};

enum config_class_match { CONFIG_MATCH_NOTHING, CONFIG_MATCH_ANY, CONFIG_MATCH_ACCESS_LIST };

struct config_class_map {
	char name[CONFIG_NAME_MAX + 1];
	char description[CONFIG_DESCRIPTION_MAX + 1];
	enum config_class_match match;
	char list[CONFIG_NAME_MAX + 1]; /* CONFIG_MATCH_ACCESS_LIST */
};

/* policy-map type inspect esmtp */
struct config_map {
	char name[CONFIG_NAME_MAX + 1];
	char description[CONFIG_DESCRIPTION_MAX + 1];
	struct parameters parameters;
	unsigned rules;
	struct match_rule rule[INSPECT_RULES_MAX];
};

enum config_treatment {
	CONFIG_RELAY, /* no inspect esmtp: line by line, everything passes */
	CONFIG_RAW,   /* no inspect esmtp raw: bytes */
	CONFIG_INSPECT,
	CONFIG_UNTREATED, /* nothing was said: the class takes no session */
};

struct config_class {
	char name[CONFIG_NAME_MAX + 1];
	enum config_treatment treatment;
	char map[CONFIG_NAME_MAX + 1]; /* "": the default map */
	struct connection_limits limits;
};

struct config_policy {
	char name[CONFIG_NAME_MAX + 1];
	char description[CONFIG_DESCRIPTION_MAX + 1];
	unsigned classes;
	struct config_class class_of[CONFIG_CLASSES_MAX];
};

struct config_service {
	char policy[CONFIG_NAME_MAX + 1];
	char interface[CONFIG_INTERFACE_MAX + 1]; /* "": global */
};

struct config {
	char hostname[CONFIG_HOSTNAME_MAX + 1];
	unsigned statics;
	struct config_static static_of[CONFIG_STATICS_MAX];
	unsigned fixups;
	struct config_fixup fixup[CONFIG_FIXUPS_MAX];
	unsigned access_lines;
	struct config_access_line access_line[CONFIG_ACCESS_LINES_MAX];
	unsigned class_maps;
	struct config_class_map class_map[CONFIG_CLASS_MAPS_MAX];
	unsigned last_match; /* id of the match line that was entered last, in any map */
	unsigned maps;
	struct config_map map[CONFIG_MAPS_MAX];
	unsigned policies;
	struct config_policy policy[CONFIG_POLICIES_MAX];
	unsigned services;
	struct config_service service[CONFIG_SERVICES_MAX];
};

/* What becomes of the sessions that no class of its own takes. */
struct config_handling {
	enum config_treatment treatment; /* not UNTREATED */
	const char *map;		 /* "": not inspected */
};

struct config_map *tree_find_map(struct config *config, const char *name);
struct config_policy *tree_find_policy(struct config *config, const char *name);
struct config_class *tree_find_class(struct config_policy *policy, const char *name);
struct config_class_map *tree_find_class_map(struct config *config, const char *name);
/* The first line of an access-list, or NULL. */
struct config_access_line *tree_find_access_list(struct config *config, const char *name);
/* interface "": the global one. */
struct config_service *tree_find_service(struct config *config, const char *interface);
/* The static that listens there, or NULL. */
struct config_static *tree_find_static(struct config *config, const struct shm_endpoint *listen);

/* The policy that is at work for a static: of the service-policy of its mapped interface, else of
 * its real one, else of the global one; or NULL. */
const struct config_policy *tree_policy_for(
    const struct config *config, const struct config_static *rule);
/* By a fixup of the port on which the static listens, else by the policy's inspection_default. */
struct config_handling tree_handling_for(
    const struct config *config, const struct config_static *rule);
/* The map that a class inspects with, by name. */
const char *tree_map_of(const struct config_class *class);
bool tree_is_default_class(const struct config_class *class);

bool tree_endpoint_equal(const struct shm_endpoint *one, const struct shm_endpoint *other);

/* Makes room for a cleared element at `index`; the caller has checked that there is room. */
void *tree_insert(void *list, unsigned *count, size_t size, unsigned index);
/* Takes element `index` out of a list of `*count` elements of that size, and clears its place. */
void tree_remove(void *list, unsigned *count, size_t size, unsigned index);

#endif
