/*
 * nemesis -- what goes wrong, and keepalived, which reacts to it
 *
 * While there is chaos something is done at random times: processes and hosts die and start again, the
 * link and the hosts' hearing of each other are cut in both directions or one, processes stand still,
 * operators ask for things.  Then all is mended, and has to find together again.
 */
#ifndef TESTS_SIM_NEMESIS_H
#define TESTS_SIM_NEMESIS_H

#include "tests/sim/sim.h"

void nemesis_start(struct world *world);
void nemesis_strike(struct world *world); /* EVENT_NEMESIS */
void nemesis_elect(struct world *world);  /* EVENT_ELECTION */
void nemesis_mend(struct world *world);	  /* EVENT_HEALED */

#endif
