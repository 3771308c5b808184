/*
 * chain -- two gateways in a row
 *
 * What one core lets through, a second one with the same policy must let through unchanged: the
 * server behind both gets what the server behind one would get, and the second refuses nothing.
 * (Filtering is idempotent; what is not could be read in two ways.)
 */
#ifndef TESTS_REPLAY_CHAIN_H
#define TESTS_REPLAY_CHAIN_H

#include "tests/dialogue/dialogue.h"
#include "tests/dialogue/visible.h"

#include <stdbool.h>

/* Runs the dialogue through both; sessions with signals, resets or time count as good. */
bool chain_run(const struct dialogue *dialogue, struct visible *failure);

#endif
