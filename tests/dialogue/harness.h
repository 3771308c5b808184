/*
 * harness -- drives one inspection core as a worker does, over plain byte streams
 *
 * Each act of a dialogue is delivered in the cuts that the options ask for; after each arrival
 * the core is called as the contract of inspect_step() says, its edits are applied, and every
 * promise of that contract is checked, with an observer on both sides.  The first broken promise
 * is kept in `failure`, and nothing is stepped after it.
 *
 * A server that answers what it was not asked, or ends the session, while bytes of the client
 * still wait for their turn, can be seen either way: it depends on whether they had their turn.
 * Such a session is marked `raced`; its cuts need not give the same result.
 *
 * The caller reads and clears what an act gave (outputs, events, notes) with the transcript.
 */
#ifndef TESTS_DIALOGUE_HARNESS_H
#define TESTS_DIALOGUE_HARNESS_H

#include "tests/dialogue/dialogue.h"
#include "tests/dialogue/observer.h"
#include "tests/dialogue/visible.h"

#include <stdbool.h>

struct harness_options {
	size_t cut;    /* bytes that arrive at once; 0 = all of an act */
	uint64_t seed; /* not 0: random cuts, random room, and idle calls; `cut` is not used */
	bool reload;   /* save and load into fresh memory before every call */
};

struct harness_leg {
	struct visible input; /* all that has arrived */
	size_t consumed;
	bool end, end_taken;
	struct visible output; /* of the act under way */
	size_t output_total;
	uint8_t ending; /* enum inspect_ending */
};

struct harness {
	const struct inspect_policy *policy;
	struct harness_options options;
	struct inspect *state;
	struct inspect_output *output;
	struct harness_leg leg[INSPECT_LEGS];
	struct visible waiting; /* output toward the server that is held */
	struct observer observer;
	/* Of the act under way, one line each, by the direction that was stepped: how the steps of
	 * the two interleave depends on the cuts. */
	struct visible events[INSPECT_LEGS], notes[INSPECT_LEGS];
	struct inspect_tally tally; /* of the session */
	uint32_t hits[INSPECT_RULES_MAX];
	uint64_t random;
	uint64_t now_ms;
	uint64_t deadline_ms;
	bool raced;	/* see above */
	bool unvouched; /* loaded by harness_load(): nothing that was given before is known */
	bool opaque;
	bool secret; /* asked for in the act under way */
	uint8_t phase;
	uint8_t reason;
	uint32_t rule;
	uint64_t steps;
	char failure[320];
};

void harness_init(struct harness *harness, const struct inspect_policy *policy,
    enum inspect_mode mode, const struct harness_options *options);
void harness_done(struct harness *harness);
/* Goes on from a saved state that nobody vouches for; the observer then has no say.  False: the
 * core refused to load it. */
bool harness_load(struct harness *harness, const uint8_t *saved, size_t length);
/* Delivers one act and runs the core until it asks for more. */
void harness_act(struct harness *harness, const struct dialogue_act *act);
/* Forgets the outputs, events and notes of the last act. */
void harness_next(struct harness *harness);
/* Both legs have ended, or a promise was broken: acts change nothing any more. */
bool harness_over(const struct harness *harness);

#endif
