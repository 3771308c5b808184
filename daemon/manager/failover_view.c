#include "daemon/manager/failover_view.h"

#include "daemon/sync/role.h"
#include "shm/gateway_clock.h"

#include <string.h>

static bool
serves(uint32_t state)
{
	return state == ROLE_ACTIVE || state == ROLE_DEGRADED;
}

static uint64_t
find_failover(const struct shm *shm)
{
	struct pair_change change[PAIR_HISTORY];
	unsigned count = pair_history_read(shm_pair_history(shm), change);

	while (count-- > 0)
		if (serves(change[count].from) != serves(change[count].to))
			return change[count].at_us;
	return 0;
}

void
failover_view_look(
    struct failover_view *view, const struct settings_failover *failover, const struct shm *shm)
{
	const struct pair_view *pair = shm_pair_view(shm);

	*view = (struct failover_view){
	    .failover = failover,
	    .release = release_mode(release_word(shm_release(shm))),
	    .now_us = realtime_now_us(),
	};
	view->runs =
	    pair_view_is_alive(pair, monotonic_now_ms()) && pair_view_read(pair, &view->pair);
	if (!view->runs)
		memset(&view->pair, 0, sizeof(view->pair));
	view->heard = view->pair.peer_heard_us != 0;
	if (!door_view_read(shm_door_view(shm), &view->door))
		memset(&view->door, 0, sizeof(view->door));
	view->failover_us = find_failover(shm);
	view->ahead = takeover_view_ahead(shm_takeover_view(shm));
	takeover_view_read(shm_takeover_view(shm), &view->takeover, &view->cause);
}

const char *
failover_view_unit_word(uint32_t state)
{
	static const char *const words[ROLE_STATES] = {
	    [ROLE_STANDALONE] = "Disabled",
	    [ROLE_WAITING] = "Negotiation",
	    [ROLE_CATCHUP] = "Bulk Sync",
	    [ROLE_SYNCED] = "Standby Ready",
	    [ROLE_ASKING] = "Standby Ready",
	    [ROLE_RAISING] = "Just Active",
	    [ROLE_RESTORING] = "Just Active",
	    [ROLE_ACTIVE] = "Active",
	    [ROLE_DEGRADED] = "Active",
	    [ROLE_YIELDING] = "Active Drain",
	    [ROLE_FAULT] = "Failed",
	};

	return state < ROLE_STATES ? words[state] : "Unknown";
}

const char *
failover_view_release_word(enum release_mode release)
{
	return release == RELEASE_ALONE ? "alone" : release == RELEASE_PAIRED ? "paired" : "held";
}

uint64_t
failover_view_since_us(const struct failover_view *view, uint64_t realtime_us)
{
	return view->now_us > realtime_us ? view->now_us - realtime_us : 0;
}

uint64_t
failover_view_active_s(const struct failover_view *view)
{
	if (!view->runs || !serves(view->pair.state) || view->failover_us == 0)
		return 0;
	return failover_view_since_us(view, view->failover_us) / 1000000;
}

const char *
failover_view_peer_name(const struct failover_view *view)
{
	return view->pair.peer[0] != '\0' ? view->pair.peer : view->failover->peer_node;
}
