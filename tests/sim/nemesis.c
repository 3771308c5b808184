#include "tests/sim/nemesis.h"

#include "tests/sim/world.h"

#include "daemon/sync/epoch.h"

#define STRIKE_US  (12u * SIM_MS)
#define ELECT_US   (40u * SIM_MS)
#define LASTS_US   (300u * SIM_MS)
#define RESTART_US (200u * SIM_MS)

static void
put(struct world *world, enum sim_event kind, uint64_t in_us, uint32_t host, uint64_t tag)
{
	struct due event = {.kind = kind, .host = host, .tag = tag};

	sim_put(world, in_us, &event);
}

void
nemesis_start(struct world *world)
{
	put(world, EVENT_NEMESIS, sim_roll(world, 10 * STRIKE_US), 0, 0);
	put(world, EVENT_ELECTION, ELECT_US, 0, 0);
}

/* ---- keepalived ---- */

static void
say_word(struct world *world, uint32_t at, enum role_input_kind word)
{
	struct host *host = &world->host[at];

	if (host->word == word || !host_sync_is_up(host))
		return;
	host->word = word;
	host_word(world, host, word);
}

static bool
is_fit(const struct host *host)
{
	return host->is_powered && !host->is_killed && host_track(host) != EPOCH_TRACK_UNFIT;
}

/* The one with the higher value has the address, and who has it keeps it; who hears nobody takes it. */
void
nemesis_elect(struct world *world)
{
	const struct host *host = world->host;
	bool fit[SIM_HOSTS] = {is_fit(&host[0]), is_fit(&host[1])};

	put(world, EVENT_ELECTION, ELECT_US, 0, 0);
	if (world->lan_is_cut || fit[0] != fit[1]) {
		world->master = fit[0] ? 0 : fit[1] ? 1 : SIM_NOBODY;
	} else if (!fit[0]) {
		world->master = SIM_NOBODY;
	} else if (world->master == SIM_NOBODY || host_track(&host[0]) != host_track(&host[1])) {
		world->master = host_track(&host[1]) > host_track(&host[0]);
	}
	for (uint32_t at = 0; at < SIM_HOSTS; at++) {
		if (!world->host[at].is_powered)
			continue;
		if (!fit[at])
			say_word(world, at, ROLE_IN_NO_ADDRESS);
		else if (world->master == at || world->lan_is_cut)
			say_word(world, at, ROLE_IN_MASTER);
		else
			say_word(world, at, ROLE_IN_BACKUP);
	}
}

/* ---- chaos ---- */

static void
cut_link(struct world *world)
{
	uint32_t how = sim_roll(world, 4);

	world->link.is_cut[0] = how == 1 || how == 3;
	world->link.is_cut[1] = how == 2 || how == 3;
}

static void
ask(struct world *world, struct host *host)
{
	static const enum role_input_kind asks[] = {ROLE_IN_OPERATOR_ACTIVE,
	    ROLE_IN_OPERATOR_STANDBY, ROLE_IN_OPERATOR_ACTIVE, ROLE_IN_OPERATOR_FORCE};
	enum role_input_kind kind = asks[sim_roll(world, 4)];

	/* By force sessions may be lost, and are; then nothing can be said of them. */
	if (kind != ROLE_IN_OPERATOR_FORCE)
		host_word(world, host, kind);
}

static void
strike(struct world *world)
{
	struct host *host = &world->host[sim_roll(world, SIM_HOSTS)];

	switch (sim_roll(world, 13)) {
	case 0:
		host_loses_power(world, host, 1 + sim_roll(world, RESTART_US));
		break;
	case 1:
	case 2:
		host_sync_dies(world, host);
		break;
	case 3:
	case 4:
		if (host->is_powered && host->worker.is_alive)
			worker_die(world, host);
		break;
	case 5:
	case 6:
	case 7:
		cut_link(world);
		break;
	case 8:
		world->lan_is_cut = sim_roll(world, 2);
		break;
	case 9:
		host_pauses(world, host, 1 + sim_roll(world, LASTS_US));
		break;
	case 10:
		host_is_killed(world, host, 1 + sim_roll(world, RESTART_US));
		break;
	case 11:
		link_close(world, host->at);
		if (host_sync_is_up(host))
			host_disconnected(world, host);
		break;
	default:
		ask(world, host);
		break;
	}
}

void
nemesis_strike(struct world *world)
{
	if (world->is_healed)
		return;
	if (sim_roll(world, 1000) < world->plan.chaos)
		strike(world);
	else if (sim_roll(world, 3) == 0)
		world->link.is_cut[0] = world->link.is_cut[1] = world->lan_is_cut = false;
	put(world, EVENT_NEMESIS, 1 + sim_roll(world, 2 * STRIKE_US), 0, 0);
}

void
nemesis_mend(struct world *world)
{
	world->is_healed = true;
	for (uint32_t at = 0; at < SIM_HOSTS; at++)
		host_give_chunks(world, &world->host[at]);
	world->link.is_cut[0] = world->link.is_cut[1] = world->lan_is_cut = false;
}
