/*
 * inspect_load_fuzzer -- a hostile saved state
 *
 * Two bytes of length, that many bytes of saved state, then a packed dialogue.  The bytes are
 * loaded as they are, and once more laid over a state that inspect_save() gave in the middle of
 * the dialogue.  What inspect_load() accepts must keep every promise about edits and bounds.
 */
#include "tests/dialogue/harness.h"
#include "tests/dialogue/packed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_MAX 16384u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
act(struct harness *harness, const struct dialogue *dialogue, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		harness_act(harness, &dialogue->acts[i]);
		harness_next(harness);
	}
	if (harness->failure[0]) {
		fprintf(stderr, "%s\n", harness->failure);
		abort();
	}
}

/* Loads `saved` and carries on with the second half of the dialogue. */
static void
go_on(const struct dialogue *dialogue, const uint8_t *saved, size_t length)
{
	const struct harness_options whole = {0};
	struct harness harness;

	harness_init(&harness, &dialogue->policy, dialogue->mode, &whole);
	if (harness_load(&harness, saved, length))
		act(&harness, dialogue, dialogue->count / 2, dialogue->count);
	harness_done(&harness);
}

static void
go_on_from_middle(const struct dialogue *dialogue, const uint8_t *changes, size_t length)
{
	const struct harness_options whole = {0};
	uint8_t saved[INSPECT_STATE_SIZE];
	struct harness harness;

	harness_init(&harness, &dialogue->policy, dialogue->mode, &whole);
	act(&harness, dialogue, 0, dialogue->count / 2);
	size_t size = inspect_save(harness.state, saved, sizeof(saved));
	harness_done(&harness);
	for (size_t i = 0; i < length && i < size; i++)
		saved[i] ^= changes[i];
	go_on(dialogue, saved, size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dialogue dialogue;

	if (size < 2 || size > LENGTH_MAX)
		return 0;
	size_t length = (size_t)data[0] | (size_t)data[1] << 8;
	data += 2;
	size -= 2;
	length = length > size ? size : length;
	uint8_t *exact = malloc(length ? length : 1);
	if (!exact)
		abort();
	memcpy(exact, data, length);
	dialogue_init(&dialogue);
	packed_read(&dialogue, data + length, size - length);
	go_on(&dialogue, exact, length);
	go_on_from_middle(&dialogue, exact, length);
	inspect_last_words(exact, length);
	dialogue_done(&dialogue);
	free(exact);
	return 0;
}
