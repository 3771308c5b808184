#include "worker/inspect/ehlo.h"

#include "worker/inspect/extension_table.h"

#include <string.h>

#define LIST_MAX 6000u /* octets of the list that is shown */

struct list {
	char text[LIST_MAX];
	size_t length;
	size_t last; /* where the last line begins */
};

bool
ehlo_hides_name(const struct inspect_policy *policy)
{
	return policy->banner == INSPECT_BANNER_NEUTRAL || policy->banner == INSPECT_BANNER_TEXT;
}

/* Adds "250-TEXT"; controls become spaces.  False if there is no room. */
static bool
list_add(struct list *list, const void *text, size_t length)
{
	const uint8_t *from = text;

	if (length + 6 > LIST_MAX - list->length)
		return false;
	list->last = list->length;
	memcpy(list->text + list->length, "250-", 4);
	list->length += 4;
	for (size_t i = 0; i < length; i++)
		list->text[list->length++] =
		    (char)(from[i] < 0x20 || from[i] == 0x7f ? ' ' : from[i]);
	memcpy(list->text + list->length, "\r\n", 2);
	list->length += 2;
	return true;
}

static size_t
keyword_length(const struct reply_line *line)
{
	size_t length = 0;

	while (length < line->length && line->text[length] > ' ')
		length++;
	return length;
}

static uint64_t
permitted(const struct inspect_policy *policy)
{
	uint64_t bits = policy->extensions & ((UINT64_C(1) << EXTENSION_PERMITTED) - 1);

	if ((policy->flags & INSPECT_ALLOW_TLS) == 0) /* credentials would pass in the clear */
		bits &= ~(UINT64_C(1) << EXTENSION_STARTTLS | UINT64_C(1) << EXTENSION_AUTH);
	return bits;
}

static void
remember(struct inspect *state, uint64_t shown)
{
	state->shown = shown;
	state->flags &= ~(uint32_t)STATE_ENHANCED;
	if (shown >> EXTENSION_ENHANCEDSTATUSCODES & 1)
		state->flags |= STATE_ENHANCED;
}

/* The keyword's bit if it may be shown and was not yet. */
static uint64_t
bit_of(const struct reply_line *line, uint64_t may)
{
	unsigned extension = extension_table_find(line->text, keyword_length(line));

	return extension < EXTENSION_UNKNOWN ? UINT64_C(1) << extension & may : 0;
}

static void
add_name(struct builder *build, struct list *list, const struct reply_line *line)
{
	const struct inspect_policy *policy = build->policy;

	if (ehlo_hides_name(policy))
		list_add(list, policy->hostname, policy->hostname_length);
	else
		list_add(list, line->text, line->length);
}

void
ehlo_rewrite(struct builder *build, const struct reply *reply, const uint8_t *bytes)
{
	const uint8_t *end = bytes + reply->length;
	uint64_t may = permitted(build->policy), shown = 0;
	struct reply_line line;
	struct list list;

	list.length = 0;
	list.last = 0;
	reply_line(&line, bytes, end);
	add_name(build, &list, &line);
	while (line.next < end) {
		reply_line(&line, line.next, end);
		uint64_t bit = bit_of(&line, may & ~shown);
		if (bit && list_add(&list, line.text, line.length))
			shown |= bit;
		else
			build->out->tally.ehlo_removed++;
	}
	list.text[list.last + 3] = ' ';
	output_drop(build, reply->length);
	output_insert(build, INSPECT_CLIENT, list.text, list.length);
	remember(build->state, shown);
}

void
ehlo_remember(struct inspect *state, const struct reply *reply, const uint8_t *bytes)
{
	const uint8_t *end = bytes + reply->length;
	struct reply_line line = {.next = bytes};
	uint64_t shown = 0;

	while (line.next < end) {
		reply_line(&line, line.next, end);
		shown |= bit_of(&line, UINT64_MAX);
	}
	remember(state, shown);
}

void
ehlo_rewrite_helo(struct builder *build, const struct reply *reply)
{
	const struct inspect_policy *policy = build->policy;

	output_drop(build, reply->length);
	output_insert(build, INSPECT_CLIENT, "250 ", 4);
	output_insert(build, INSPECT_CLIENT, policy->hostname, policy->hostname_length);
	output_insert(build, INSPECT_CLIENT, "\r\n", 2);
}
