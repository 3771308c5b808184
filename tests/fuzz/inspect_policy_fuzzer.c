/*
 * inspect_policy_fuzzer -- a hostile policy image
 *
 * What inspect_policy_check() accepts must be safe to run a session with.  The bytes are laid over
 * a good image, so that most of them are not refused for their first word.
 */
#include "tests/dialogue/transcript.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
add(struct dialogue *dialogue, enum inspect_leg leg, const char *text)
{
	dialogue_add(dialogue, DIALOGUE_BYTES, leg, 0, text, strlen(text));
}

static void
run_session(const void *image)
{
	const struct harness_options whole = {0};
	struct visible text = {0}, failure = {0};
	struct dialogue dialogue;

	dialogue_init(&dialogue);
	memcpy(&dialogue.policy, image, sizeof(dialogue.policy));
	add(&dialogue, INSPECT_SERVER, "220-mail2 2020\r\n220 mail\r\n");
	add(&dialogue, INSPECT_CLIENT, "EHLO client.example\r\n");
	add(&dialogue, INSPECT_SERVER, "250-mail\r\n250-SIZE 1\r\n250-STARTTLS\r\n250 X\r\n");
	add(&dialogue, INSPECT_CLIENT,
	    "WIZ\r\nEXPN a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
	add(&dialogue, INSPECT_SERVER, "250 Ok\r\n250 Ok\r\n354 go\r\n250 Ok\r\n");
	add(&dialogue, INSPECT_CLIENT, "a\nb\r\n.\r\n");
	add(&dialogue, INSPECT_SERVER, "250 Ok\r\n");
	dialogue_add(&dialogue, DIALOGUE_TIME, INSPECT_CLIENT, 1000000, NULL, 0);
	if (transcript_run(&dialogue, &whole, &text, &failure) == TRANSCRIPT_BROKEN) {
		fprintf(stderr, "%s, after:\n%s", failure.data, text.data ? text.data : "");
		abort();
	}
	visible_done(&text);
	visible_done(&failure);
	dialogue_done(&dialogue);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct inspect_policy base;
	size_t length = size ? size : 1;
	uint8_t *exact = calloc(1, length);

	if (!exact)
		abort();
	if (size)
		memcpy(exact, data, size);
	if (inspect_policy_check(exact, size) && size >= sizeof(base))
		run_session(exact);
	inspect_policy_default(&base, "mx.example.org", strlen("mx.example.org"));
	for (size_t i = 0; i < size && i < sizeof(base); i++)
		((uint8_t *)&base)[i] ^= data[i];
	if (inspect_policy_check(&base, sizeof(base)))
		run_session(&base);
	free(exact);
	return 0;
}
