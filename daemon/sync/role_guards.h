/*
 * role_guards -- the conditions that the rules of role.def name
 *
 * Each answers what the input is like for a machine that has noted it already (its `said`, `word`,
 * `fence`, `witness` and `local_fault` are those after it).  Pure.  Called by role_rules.c and role.c.
 */
#ifndef DAEMON_SYNC_ROLE_GUARDS_H
#define DAEMON_SYNC_ROLE_GUARDS_H

#include "daemon/sync/role.h"

typedef bool role_guard(const struct role *role, const struct role_input *input);

/* The other host has this one's sessions. */
bool role_peer_has_replica(const struct role *role);

role_guard guard_always;
role_guard guard_is_same_epoch;
role_guard guard_is_not_above;
role_guard guard_is_higher;
role_guard guard_in_custody;
role_guard guard_is_higher_in_custody;
role_guard guard_is_sync;
role_guard guard_sync_is_heard;
role_guard guard_active_is_newer;
role_guard guard_active_is_same;
role_guard guard_went_alone_on_sync;
role_guard guard_went_alone_on_lan;
role_guard guard_peer_is_idle;
role_guard guard_no_keepalived;
role_guard guard_address_is_elsewhere;
role_guard guard_address_cannot_come;
role_guard guard_is_same_but_no_address;
role_guard guard_peer_is_idle_and_address_here;
role_guard guard_may_begin_as_master;
role_guard guard_may_begin_by_hand;
role_guard guard_peer_has_replica;
role_guard guard_master_and_peer_has_replica;
role_guard guard_peer_may_have_missed_it;
role_guard guard_peer_claims;
role_guard guard_standby_is_empty_and_may_degrade;
role_guard guard_standby_is_whole;
role_guard guard_standby_is_synced;
role_guard guard_standby_is_not_synced;
role_guard guard_replica_will_age;
role_guard guard_replica_is_old;
role_guard guard_is_stalled;
role_guard guard_is_stalled_and_may_degrade;
role_guard guard_is_stalled_under_strict;
role_guard guard_was_stalled;
role_guard guard_was_stalled_and_may_degrade;
role_guard guard_was_stalled_under_strict;
role_guard guard_has_right_alone;
role_guard guard_has_local_fault;
role_guard guard_has_address_fault;
role_guard guard_has_no_fault;
role_guard guard_mended_in_custody;
role_guard guard_returns_alone;
role_guard guard_returns_with_address;
role_guard guard_returns_alone_with_address;
role_guard guard_frozen_and_address_here;
role_guard guard_is_handover_timer;
role_guard guard_returns_after_freeze;
role_guard guard_returns_after_freeze_alone;
role_guard guard_is_raised;
role_guard guard_is_raised_too_late;
role_guard guard_is_raised_in_fault;
role_guard guard_is_raised_for_replica;
role_guard guard_is_raised_but_not_restored;
role_guard guard_is_raised_and_restored;
role_guard guard_is_restored_but_no_address;
role_guard guard_is_raised_without_address;
role_guard guard_is_raised_under_strict;
role_guard guard_has_wish;

#endif
