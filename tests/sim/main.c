/*
 * pair_sim -- runs schedules
 *
 *   pair_sim [-t | -f] [FIRST [COUNT]]
 *
 * Each follows from its number: odd ones under `strict`, even ones under `degrade`.  The first that
 * breaks a promise is told and ends the program; alone and with -t all that happens in it is printed.  -f: one of them must break
 * one (fault.py).
 */
#include "tests/sim/check.h"
#include "tests/sim/flow.h"
#include "tests/sim/nemesis.h"
#include "tests/sim/world.h"

#include "daemon/sync/role_words.h"

#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sim_stats sim_stats;
bool sim_expects_break;

uint32_t
sim_roll(struct world *world, uint32_t sides)
{
	world->dice = world->dice * 6364136223846793005u + 1442695040888963407u;
	return sides == 0 ? 0 : (uint32_t)(world->dice >> 33) % sides;
}

void
sim_put(struct world *world, uint64_t in_us, const struct due *event)
{
	struct due put = *event;

	put.at_us = world->now_us + in_us;
	check(world, agenda_put(&world->agenda, &put), "more is to be done than has room");
}

uint8_t
sim_byte(uint32_t flow, uint32_t generation, uint32_t leg, uint64_t position)
{
	uint64_t mixed = (position * 4 + leg) * 0x9e3779b97f4a7c15u +
			 (generation * SIM_FLOWS + flow) * 0xc2b2ae3d27d4eb4fu;

	return (uint8_t)(mixed >> 56);
}

static void
make_plan(struct world *world)
{
	world->plan = (struct sim_plan){
	    .is_strict = world->seed & 1,
	    .chaos = sim_roll(world, 500),
	    .loss = sim_roll(world, 3) == 0 ? sim_roll(world, 200) : 0,
	    .delay_us = 1 + sim_roll(world, 5 * SIM_MS),
	    .link_us = 1 + sim_roll(world, sim_roll(world, 2) ? 500 : 20 * SIM_MS),
	};
	for (uint32_t at = 0; at < SIM_HOSTS; at++)
		world->plan.chunks[at] =
		    sim_roll(world, 5) == 0 ? 3 + sim_roll(world, 10) : SIM_CHUNKS;
}

static void
take(struct world *world, const struct due *event)
{
	switch (event->kind) {
	case EVENT_LETTER:
		link_arrive(world, event);
		break;
	case EVENT_CLOSED:
		link_closed(world, event);
		break;
	case EVENT_CONNECT:
		link_connect(world);
		break;
	case EVENT_NEMESIS:
		nemesis_strike(world);
		break;
	case EVENT_ELECTION:
		nemesis_elect(world);
		break;
	case EVENT_HEALED:
		nemesis_mend(world);
		break;
	default:
		if (event->kind <= EVENT_OUTPUT_FIN)
			flow_take(world, event);
		else
			host_take(world, event);
		break;
	}
}

static void
tell(const struct world *world, const struct due *event)
{
	printf("%10.3f %-2u host %u flow %u leg %u number %llu tag %llu\n",
	    (double)world->now_us / SIM_MS, event->kind, event->host, event->flow, event->leg,
	    (unsigned long long)event->number, (unsigned long long)event->tag);
}

static void
tell_states(const struct world *world)
{
	static enum role_state told[SIM_HOSTS];

	for (uint32_t at = 0; at < SIM_HOSTS; at++) {
		const struct host *host = &world->host[at];
		enum role_state state =
		    host->sync.is_alive ? host->sync.sync->role.state : ROLE_STATES;

		if (state != told[at])
			printf("%10.3f host %u: %s in %llu, %u sessions held\n",
			    (double)world->now_us / SIM_MS, at,
			    state == ROLE_STATES ? "dead" : role_state_word(state),
			    (unsigned long long)host_epoch(host),
			    state == ROLE_STATES ? 0
						 : replica_sessions(host->sync.sync->feed.replica));
		told[at] = state;
	}
}

static bool
is_done(const struct world *world)
{
	if (!world->is_healed)
		return false;
	for (uint32_t flow = 0; flow < SIM_FLOWS; flow++)
		if (!flow_is_done(world, flow))
			return false;
	return host_is_well(&world->host[0]) || host_is_well(&world->host[1]);
}

static void
run(struct world *world, uint64_t seed, bool is_telling)
{
	struct due event = {.kind = EVENT_HEALED};

	world->seed = seed;
	world->dice = seed * 0x9e3779b97f4a7c15u + 1;
	world->now_us = world->released_epoch = 0;
	world->is_healed = world->lan_is_cut = false;
	world->master = SIM_NOBODY;
	memset(world->flow, 0, sizeof(world->flow));
	agenda_clear(&world->agenda);
	make_plan(world);
	link_start(world);
	for (uint32_t at = 0; at < SIM_HOSTS; at++) {
		host_make(world, &world->host[at], at);
		host_start(world, &world->host[at]);
	}
	flow_start(world);
	nemesis_start(world);
	sim_put(world, SIM_CHAOS_US / 4 + sim_roll(world, SIM_CHAOS_US), &event);
	while (!is_done(world)) {
		check(world, agenda_take(&world->agenda, &event), "nothing happens any more");
		world->now_us = event.at_us;
		if (is_telling)
			tell(world, &event);
		check(world, world->now_us < SIM_HEALED_US, "somebody waits for ever");
		take(world, &event);
		flow_count_losses(world);
		if (is_telling)
			tell_states(world);
	}
	for (uint32_t at = 0; at < SIM_HOSTS; at++)
		host_end(world, &world->host[at]);
	link_end(world);
	sim_stats.schedules++;
}

int
main(int argc, char **argv)
{
	static struct world world;

	/* What is freed is taken again at once: no page faults for it. */
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
	mallopt(M_MMAP_THRESHOLD, 64 << 20);
	bool is_telling = argc > 1 && strcmp(argv[1], "-t") == 0;
	sim_expects_break = argc > 1 && strcmp(argv[1], "-f") == 0;
	int at = 1 + (is_telling || sim_expects_break);
	uint64_t first = argc > at ? strtoull(argv[at], NULL, 10) : 1;
	uint64_t count = argc > at + 1 ? strtoull(argv[at + 1], NULL, 10) : 1000;

	for (uint64_t seed = first; seed < first + count; seed++)
		run(&world, seed, is_telling);
	printf("%llu schedules: %llu connections (%llu finished, %llu lost), %llu takeovers, %llu "
	       "deaths, %llu packets (%llu held, %llu dropped)\n",
	    (unsigned long long)sim_stats.schedules, (unsigned long long)sim_stats.opened,
	    (unsigned long long)sim_stats.finished, (unsigned long long)sim_stats.lost,
	    (unsigned long long)sim_stats.takeovers, (unsigned long long)sim_stats.crashes,
	    (unsigned long long)sim_stats.released, (unsigned long long)sim_stats.held,
	    (unsigned long long)sim_stats.dropped);
	return sim_expects_break ? EXIT_FAILURE : EXIT_SUCCESS;
}
