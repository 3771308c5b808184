#include "daemon/sync/role_guards.h"

#include <stddef.h>

#define IN(name) (1u << ROLE_##name)

static const struct role_said *
sync_said(const struct role *role)
{
	return &role->said[ROLE_PATH_SYNC];
}

static bool
is_one_of(unsigned state, unsigned states)
{
	return state < ROLE_STATES && (states >> state & 1) != 0;
}

static bool
peer_is(const struct role *role, unsigned states)
{
	return sync_said(role)->heard && is_one_of(sync_said(role)->state, states);
}

/* What the sync path has said last may be older than what another one says of a higher epoch. */
bool
role_peer_has_replica(const struct role *role)
{
	uint64_t number = role->start.epoch.number;

	return peer_is(role, IN(SYNCED) | IN(ASKING)) && sync_said(role)->epoch == number &&
	       role->fence <= number;
}

#define GUARD(name)                                                                                \
	bool guard_##name(const struct role *role __attribute__((unused)),                         \
	    const struct role_input *input __attribute__((unused)))

GUARD(always)
{
	return true;
}

GUARD(is_same_epoch)
{
	return input->epoch == role->start.epoch.number;
}

GUARD(is_not_above)
{
	return input->epoch <= role->start.epoch.number;
}

GUARD(is_higher)
{
	uint64_t heard = input->kind == ROLE_IN_HELLO ? input->hello.epoch : input->epoch;

	return heard > role->start.epoch.number;
}

GUARD(in_custody)
{
	return role->custody;
}

GUARD(is_higher_in_custody)
{
	return role->custody && guard_is_higher(role, input);
}

GUARD(is_sync)
{
	return input->path == ROLE_PATH_SYNC;
}

GUARD(sync_is_heard)
{
	return sync_said(role)->heard;
}

/* One that is behind what was heard on another path is stale, and will find out. */
static bool
active_on_sync(const struct role *role, const struct role_input *input)
{
	return input->path == ROLE_PATH_SYNC && role_claims(input->hello.state) &&
	       input->hello.epoch >= role->fence;
}

GUARD(active_is_newer)
{
	return active_on_sync(role, input) && guard_is_higher(role, input);
}

GUARD(active_is_same)
{
	return active_on_sync(role, input) && input->hello.epoch == role->start.epoch.number;
}

GUARD(went_alone_on_sync)
{
	return guard_active_is_same(role, input) && input->hello.state == ROLE_DEGRADED;
}

/* While the sync path is heard, it is the one that says in which order things were. */
GUARD(went_alone_on_lan)
{
	return input->path != ROLE_PATH_SYNC && !sync_said(role)->heard &&
	       input->hello.epoch == role->start.epoch.number &&
	       input->hello.state == ROLE_DEGRADED;
}

/* Neither serves, nor has what a takeover needs, nor is taking over. */
#define IDLE (IN(WAITING) | IN(CATCHUP) | IN(FAULT))

GUARD(peer_is_idle)
{
	return guard_is_sync(role, input) && peer_is(role, IDLE) && !guard_is_higher(role, input);
}

/* On no path anything else. */
static bool
peer_has_nothing(const struct role *role)
{
	for (unsigned path = 0; path < ROLE_PATHS; path++)
		if (role->said[path].heard && !is_one_of(role->said[path].state, IDLE))
			return false;
	return sync_said(role)->heard;
}

static bool
address_here(const struct role *role)
{
	return role->start.word == ROLE_WORD_MASTER || role->start.word == ROLE_WORD_NONE;
}

GUARD(no_keepalived)
{
	return role->start.word == ROLE_WORD_NONE;
}

GUARD(address_is_elsewhere)
{
	return role->start.word == ROLE_WORD_BACKUP;
}

GUARD(address_cannot_come)
{
	return role->start.word == ROLE_WORD_FAULT || role->start.word == ROLE_WORD_STOP;
}

GUARD(is_same_but_no_address)
{
	return guard_is_same_epoch(role, input) && guard_address_cannot_come(role, input);
}

GUARD(peer_is_idle_and_address_here)
{
	return guard_peer_is_idle(role, input) && address_here(role);
}

GUARD(may_begin_as_master)
{
	return role->start.word == ROLE_WORD_MASTER && peer_has_nothing(role);
}

GUARD(may_begin_by_hand)
{
	return address_here(role) && peer_has_nothing(role);
}

GUARD(peer_has_replica)
{
	return role_peer_has_replica(role);
}

GUARD(master_and_peer_has_replica)
{
	return role->start.word == ROLE_WORD_MASTER && role_peer_has_replica(role);
}

/* keepalived says nothing twice: the other one may have had the address all the time, and waits for a word that was
 * lost with the connection. */
GUARD(peer_may_have_missed_it)
{
	return guard_is_sync(role, input) && role_peer_has_replica(role) && !address_here(role);
}

GUARD(peer_claims)
{
	return sync_said(role)->heard && role_claims(sync_said(role)->state);
}

static bool
degrades(const struct role *role)
{
	return role->start.policy == ROLE_DEGRADE;
}

GUARD(standby_is_empty_and_may_degrade)
{
	return degrades(role) && guard_peer_is_idle(role, input);
}

/* It follows this epoch on the connection on which the snapshot was sent. */
GUARD(standby_is_whole)
{
	return guard_is_same_epoch(role, input) && peer_is(role, IN(CATCHUP)) &&
	       sync_said(role)->epoch == role->start.epoch.number;
}

GUARD(standby_is_synced)
{
	return guard_is_same_epoch(role, input) && peer_is(role, IN(SYNCED) | IN(ASKING));
}

GUARD(standby_is_not_synced)
{
	return !peer_is(role, IN(SYNCED));
}

GUARD(replica_will_age)
{
	return guard_is_sync(role, input) && degrades(role);
}

GUARD(replica_is_old)
{
	return input->timer == ROLE_TIMER_REPLICA && degrades(role) && !sync_said(role)->heard;
}

/* A living host with a higher epoch would have made this one stale: there is none on any path. */
static bool
may_degrade(const struct role *role)
{
	return degrades(role) && (!role->start.witness || role->witness);
}

GUARD(is_stalled)
{
	return input->ms >= role->start.degrade_after_ms;
}

GUARD(is_stalled_and_may_degrade)
{
	return guard_is_stalled(role, input) && may_degrade(role);
}

GUARD(is_stalled_under_strict)
{
	return guard_is_stalled(role, input) && !degrades(role);
}

GUARD(was_stalled)
{
	return role->stalled;
}

GUARD(was_stalled_and_may_degrade)
{
	return role->stalled && may_degrade(role);
}

GUARD(was_stalled_under_strict)
{
	return role->stalled && !degrades(role);
}

GUARD(has_right_alone)
{
	return role->alone;
}

GUARD(has_local_fault)
{
	return role->local_fault;
}

GUARD(has_address_fault)
{
	return role->start.word == ROLE_WORD_FAULT;
}

GUARD(has_no_fault)
{
	return !role->local_fault;
}

GUARD(mended_in_custody)
{
	return !role->local_fault && role->custody;
}

GUARD(returns_alone)
{
	return role->custody && role->alone;
}

GUARD(returns_with_address)
{
	return role->custody && address_here(role);
}

GUARD(returns_alone_with_address)
{
	return role->alone && guard_returns_with_address(role, input);
}

GUARD(frozen_and_address_here)
{
	return guard_is_same_epoch(role, input) && address_here(role);
}

GUARD(is_handover_timer)
{
	return input->timer == ROLE_TIMER_HANDOVER;
}

GUARD(returns_after_freeze)
{
	return input->timer == ROLE_TIMER_FROZEN && address_here(role);
}

GUARD(returns_after_freeze_alone)
{
	return guard_returns_after_freeze(role, input) && role->alone;
}

GUARD(is_raised)
{
	return input->epoch == role->next;
}

GUARD(is_raised_too_late)
{
	return guard_is_raised(role, input) && !role->local_fault && role->fence > role->next;
}

GUARD(is_raised_in_fault)
{
	return guard_is_raised(role, input) && role->local_fault;
}

GUARD(is_raised_for_replica)
{
	return guard_is_raised(role, input) && role->replica;
}

GUARD(is_raised_but_not_restored)
{
	return guard_is_raised_for_replica(role, input) && role->restore == ROLE_RESTORE_FAILED;
}

GUARD(is_raised_and_restored)
{
	return guard_is_raised_for_replica(role, input) && role->restore == ROLE_RESTORE_DONE;
}

GUARD(is_restored_but_no_address)
{
	return guard_is_raised_and_restored(role, input) && guard_address_cannot_come(role, input);
}

GUARD(is_raised_without_address)
{
	return guard_is_raised(role, input) && guard_address_cannot_come(role, input);
}

GUARD(is_raised_under_strict)
{
	return guard_is_raised(role, input) && !degrades(role);
}

GUARD(has_wish)
{
	return role->wish;
}
