/*
 * failover_view -- all that `show failover` shows, read once
 *
 * What the sync process has said holds only while it runs; the door, what may leave, the changes of state and the last
 * takeover are known in any case.  Whatever is read here other processes wrote.  Manager only.
 */
#ifndef DAEMON_MANAGER_FAILOVER_VIEW_H
#define DAEMON_MANAGER_FAILOVER_VIEW_H

#include "daemon/settings.h"
#include "shm/door_view.h"
#include "shm/pair.h"
#include "shm/region.h"
#include "shm/release.h"
#include "shm/takeover_view.h"

struct failover_view {
	const struct settings_failover *failover;
	bool runs;  /* the sync process; else `pair` is zero */
	bool heard; /* the other host, at least once */
	struct pair_status pair;
	struct door_status door;
	enum release_mode release;
	uint64_t failover_us; /* CLOCK_REALTIME: this host has begun or ceased to serve; 0: never */
	struct takeover_status takeover; /* zero: there was none */
	struct takeover_cause cause;
	uint32_t ahead;	 /* legs that are made for the next takeover */
	uint64_t now_us; /* CLOCK_REALTIME */
};

void failover_view_look(
    struct failover_view *view, const struct settings_failover *failover, const struct shm *shm);

/* 0 for what is to come. */
uint64_t failover_view_since_us(const struct failover_view *view, uint64_t realtime_us);
/* That this host has served without a pause; 0: it does not serve. */
uint64_t failover_view_active_s(const struct failover_view *view);
/* The other host's name: as it was heard, else as it is configured. */
const char *failover_view_peer_name(const struct failover_view *view);

/* The ASA's word for what a host is. `state`: enum role_state, or whatever was read as one. */
const char *failover_view_unit_word(uint32_t state);
const char *failover_view_release_word(enum release_mode release);

#endif
