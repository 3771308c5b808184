/*
 * transcript -- what a dialogue gave, as text
 *
 * Each act is repeated (at the margin) and followed by what it caused, indented; the phase and the
 * timer with which the session begins stand before the first:
 *
 *   >S TEXT            the server gets these bytes (escaped as in a script, one line a line feed)
 *   >C TEXT            the client gets these bytes
 *   end S fin|abort    that leg is ended so (nothing more is sent to it)
 *   phase NAME         the session's phase has changed
 *   opaque             from here on bytes pass as they are
 *   secret             the act may have held credentials
 *   timer +MS          the next deadline, from now; `timer off`
 *   event ...          id, name, rule, code, three texts, numbers that are not 0
 *   note WHO ...       a line of the session's trail
 *
 * and at the end `over` with the reason, or `open`, and the counters that are not 0.  Nothing in
 * it depends on how the acts were cut: any two runs must give the same text.
 */
#ifndef TESTS_DIALOGUE_TRANSCRIPT_H
#define TESTS_DIALOGUE_TRANSCRIPT_H

#include "tests/dialogue/dialogue.h"
#include "tests/dialogue/harness.h"
#include "tests/dialogue/visible.h"

enum transcript_result {
	TRANSCRIPT_BROKEN, /* a promise was: `failure` says which, and the transcript ends there */
	TRANSCRIPT_RACED,  /* as harness.h says: not to be compared */
	TRANSCRIPT_GOOD,
};

/* Runs the whole dialogue with these options; the transcript is appended to `text`. */
enum transcript_result transcript_run(const struct dialogue *dialogue,
    const struct harness_options *options, struct visible *text, struct visible *failure);

#endif
