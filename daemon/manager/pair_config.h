/*
 * pair_config -- the configuration of a pair: one host says, the other one follows
 *
 * The manager of either host owns its configuration; sync only carries texts between the two
 * (daemon/pair_file.h, shm/pair_texts.h).
 *
 * Active, with a standby that is synced: a change is shown to the standby before it holds, and holds when
 * that runs by it.  If the standby cannot, the change is refused with its reason, and nothing has changed
 * on either host.  If it does not answer within PAIR_CONFIG_WAIT_MS, failover.commit decides as it does
 * about sessions: `degrade` lets it hold, and an event says so; `strict` refuses it.  Without a synced
 * standby a change holds at once; a standby that comes is told what holds.
 *
 * The candidate and the confirm timer (commit.h) are told whenever they change; the standby keeps them for
 * the time when it is the active one.
 *
 * Standby: what comes is taken (pair_follow.h), and changes by its own operators are refused
 * (pair_config_active()).
 *
 * Without a failover group it does nothing.  Called by the manager only.
 */
#ifndef DAEMON_MANAGER_PAIR_CONFIG_H
#define DAEMON_MANAGER_PAIR_CONFIG_H

#include "daemon/manager/pair_policies.h"
#include "daemon/manager/store.h"
#include "daemon/manager/text.h"
#include "daemon/policy/config.h"
#include "daemon/settings.h"
#include "shm/pair_texts.h"
#include "shm/region.h"

#define PAIR_CONFIG_WAIT_MS 2000u
#define PAIR_CONFIG_PRUNE_MS                                                                       \
	10000u /* how often is looked whether sessions still run by what is kept */

/* What an operator hears who would change it on the standby; with pair_config_active(). */
#define PAIR_CONFIG_STANDBY_TEXT "failover: this host is the standby, change it on %s"

struct pair_config {
	const struct shm *shm;
	const struct settings_failover *failover;
	int directory;
	struct pair_texts own;		/* as it is published */
	uint64_t verdicts;		/* of the other host that were looked at */
	bool is_silent;			/* it has not answered, and was not waited for since */
	uint8_t live[PAIR_DIGEST_SIZE]; /* what was laid out last as holding */
	char name[PAIR_NAME_MAX];	/* pair_config_peer() */
	struct pair_policies policies;
	uint64_t pruned_ms; /* CLOCK_MONOTONIC */
};

/* Lays out what holds. */
void pair_config_open(struct pair_config *pair, const struct shm *shm,
    const struct settings_failover *failover, int directory, const struct config *running);

void pair_config_close(struct pair_config *pair);

/* NULL: changes are this host's to make; else it is the standby, and the active one has that name. */
const char *pair_config_active(struct pair_config *pair);
/* It was the standby when sync has last said how the pair stands, be that process alive or not: what comes
 * due by itself is the active's to do. */
bool pair_config_follows(const struct pair_config *pair);
/* The epoch in which something is saved now; 0 without a pair. */
uint64_t pair_config_epoch(const struct pair_config *pair);

/* Before a change holds.  False: the standby refuses it, *why says the reason. */
bool pair_config_ask(struct pair_config *pair, const struct config *next, struct text *why);
/* It holds, in the place of `old`. */
void pair_config_holds(
    struct pair_config *pair, const struct config *old, const struct config *config);
/* What was shown does not hold: this does. */
void pair_config_tell(struct pair_config *pair, const struct config *config);
/* startup-config is another one, or gone. */
void pair_config_saved(struct pair_config *pair);

/* Candidate and confirm timer are as the entry says; NULL: there is none (any more). */
void pair_config_lay(
    struct pair_config *pair, enum pair_text_kind kind, const struct store_entry *entry);
/* Waits, as for a change, until the standby has everything that was laid out before.  False: it has not said
 * so, *why says the reason. */
bool pair_config_settle(struct pair_config *pair, const struct config *running, struct text *why);

/* At each turn, on either host. */
void pair_config_tick(struct pair_config *pair);

/* For pair_follow.h. */
bool pair_config_is_on(const struct pair_config *pair);
const char *pair_config_peer(struct pair_config *pair);
void pair_config_publish(const struct pair_config *pair);
/* What is kept of policies is another set. */
void pair_config_lay_policies(struct pair_config *pair);

#endif
