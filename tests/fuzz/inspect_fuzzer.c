/*
 * inspect_fuzzer -- a hostile client and a hostile server against the inspection core
 *
 * The bytes are a packed dialogue (tests/dialogue/packed.h): directions, cuts, ends, signals,
 * time.  Every promise of the core is checked by the harness, and the session cut in another way
 * must give the same transcript.
 */
#include "tests/dialogue/packed.h"
#include "tests/dialogue/transcript.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_MAX 65536u /* longer sessions teach nothing new */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* True: the transcript may be compared. */
static bool
run(const struct dialogue *dialogue, const struct harness_options *options, struct visible *text)
{
	struct visible failure = {0};

	enum transcript_result result = transcript_run(dialogue, options, text, &failure);
	if (result == TRANSCRIPT_BROKEN) {
		fprintf(stderr, "%s, after:\n%s", failure.data, text->data ? text->data : "");
		abort();
	}
	return result == TRANSCRIPT_GOOD;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct harness_options whole = {0};
	struct visible first = {0}, second = {0};
	struct dialogue dialogue;

	if (size > LENGTH_MAX)
		return 0;
	dialogue_init(&dialogue);
	uint8_t cut = packed_read(&dialogue, data, size);
	struct harness_options cuts = {.cut = 1, .seed = cut & 1 ? 0 : cut, .reload = true};
	bool comparable = run(&dialogue, &whole, &first);
	comparable = run(&dialogue, &cuts, &second) && comparable;
	if (comparable &&
	    (first.length != second.length || memcmp(first.data, second.data, first.length) != 0)) {
		fprintf(stderr, "cut otherwise, another transcript:\n%s\n---\n%s", first.data,
		    second.data);
		abort();
	}
	visible_done(&first);
	visible_done(&second);
	dialogue_done(&dialogue);
	return 0;
}
