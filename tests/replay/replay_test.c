/*
 * replay_test -- random sessions, cut in every way: one result, and every promise kept
 *
 *   replay_test [--count N] [--seed S] [--verbose]
 *
 * Runs sessions S, S + 1, ... (1 when not given) whole, byte by byte, with random cuts, with the
 * state saved and loaded before every call, and through two cores in a row.  On a failure it prints
 * the seed and the session as a script that can be kept as a dialogue; exit code 1.
 */
#include "tests/dialogue/transcript.h"
#include "tests/replay/chain.h"
#include "tests/replay/session_generator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT 2000u

static bool
same(const struct dialogue *dialogue, const struct harness_options *options, const char *what,
    const struct visible *wanted)
{
	struct visible text = {0}, failure = {0};
	enum transcript_result result = transcript_run(dialogue, options, &text, &failure);
	bool good = result != TRANSCRIPT_BROKEN;

	if (!good)
		printf("%s: %s\n", what, failure.data);
	else if (result == TRANSCRIPT_GOOD &&
		 (text.length != wanted->length || memcmp(text.data, wanted->data, text.length))) {
		printf("%s gives another transcript:\n%s\n--- whole:\n%s\n", what, text.data,
		    wanted->data);
		good = false;
	}
	visible_done(&text);
	visible_done(&failure);
	return good;
}

static bool
replay(const struct dialogue *dialogue, uint64_t seed)
{
	const struct harness_options whole = {0}, bytes = {.cut = 1, .reload = seed % 2 == 0};
	struct visible wanted = {0}, failure = {0};

	enum transcript_result result = transcript_run(dialogue, &whole, &wanted, &failure);
	bool good = result != TRANSCRIPT_BROKEN;
	if (!good)
		printf("whole: %s\n", failure.data);
	good = good && same(dialogue, &bytes, "byte by byte", &wanted);
	for (uint64_t i = 1; i <= 4 && good; i++) {
		struct harness_options cuts = {.seed = seed * 8 + i, .reload = i % 2 == 0};
		good = same(dialogue, &cuts, "random cuts", &wanted);
	}
	if (good && !chain_run(dialogue, &failure)) {
		printf("two in a row: %s\n", failure.data);
		good = false;
	}
	visible_done(&wanted);
	visible_done(&failure);
	return good;
}

static bool
run(uint64_t seed, bool verbose)
{
	struct dialogue dialogue;
	struct visible failure = {0}, script = {0};

	dialogue_init(&dialogue);
	session_generate(&dialogue, seed, &failure);
	if (failure.length)
		printf("while it was made: %s\n", failure.data);
	bool good = !failure.length && replay(&dialogue, seed);
	session_print(&dialogue, &script);
	if (!good || verbose)
		printf("seed %llu %s:\n%s", (unsigned long long)seed, good ? "ok" : "FAILED",
		    script.data);
	visible_done(&script);
	visible_done(&failure);
	dialogue_done(&dialogue);
	return good;
}

int
main(int argc, char **argv)
{
	uint64_t seed = 1, count = COUNT;
	bool verbose = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
			seed = strtoull(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--count") == 0 && i + 1 < argc)
			count = strtoull(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--verbose") == 0)
			verbose = true;
	}
	for (uint64_t i = 0; i < count; i++)
		if (!run(seed + i, verbose))
			return EXIT_FAILURE;
	printf(
	    "%llu sessions from seed %llu\n", (unsigned long long)count, (unsigned long long)seed);
	return EXIT_SUCCESS;
}
