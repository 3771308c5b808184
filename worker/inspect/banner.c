#include "worker/inspect/banner.h"

#include "worker/inspect/compat.h"
#include "worker/inspect/ehlo.h"

#include <string.h>

#define CLASSIC_MAX 6000u

/* Asterisks for all but 2 and 0, as the PIX has done it.  A client that takes them for a PIX may
 * stop using ESMTP (Postfix does): that is why it is not the default. */
static bool
rewrite_classic(struct builder *build, const struct reply *reply, const uint8_t *bytes)
{
	char text[CLASSIC_MAX];
	size_t at = 0;

	if (reply->length > sizeof(text))
		return false;
	for (size_t i = 0; i < reply->length; i++) {
		uint8_t byte = bytes[i];
		bool line_end = byte == '\n' || (byte == '\r' && bytes[i + 1] == '\n');
		at = i && bytes[i - 1] == '\n' ? 0 : at + (i > 0);
		text[i] = (char)(at < 4 || line_end || byte == '2' || byte == '0' ? byte : '*');
	}
	output_drop(build, reply->length);
	output_insert(build, INSPECT_CLIENT, text, reply->length);
	return true;
}

static void
insert(struct builder *build, const char *text, size_t length)
{
	output_insert(build, INSPECT_CLIENT, text, length);
}

bool
banner_rewrite(struct builder *build, const struct reply *reply, const uint8_t *bytes)
{
	const struct inspect_policy *policy = build->policy;

	if (policy->banner == INSPECT_BANNER_SERVER)
		return false;
	if (compat_banner(build, reply, bytes))
		return true;
	if (policy->banner == INSPECT_BANNER_CLASSIC && reply->clean) {
		if (rewrite_classic(build, reply, bytes)) {
			build->out->tally.banners_masked++;
			return true;
		}
	}
	output_drop(build, reply->length);
	insert(build, (const char *)bytes, 3);
	insert(build, " ", 1);
	if (policy->banner == INSPECT_BANNER_TEXT && reply->code == 220) {
		insert(build, policy->banner_text, policy->banner_length);
	} else {
		insert(build, policy->hostname, policy->hostname_length);
		if (reply->code / 100 == 2)
			insert(build, OUTPUT_TEXT(" ESMTP"));
		else
			insert(build, OUTPUT_TEXT(" Service not available"));
	}
	insert(build, OUTPUT_TEXT("\r\n"));
	build->out->tally.banners_masked++;
	return true;
}

bool
banner_is_held(const struct builder *build)
{
	const struct inspect *state = build->state;

	return state->phase == PHASE_GREETING && build->now_ms < state->greeting_ms;
}

bool
banner_fall_due(struct inspect *state)
{
	bool held = state->phase == PHASE_GREETING && state->greeting_ms != 0;

	state->greeting_ms = 0;
	return held;
}
