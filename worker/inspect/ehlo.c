#include "worker/inspect/ehlo.h"

#include "worker/inspect/compat.h"
#include "worker/inspect/ending.h"
#include "worker/inspect/extension_table.h"
#include "worker/inspect/rule.h"

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

#define BIT(extension) (UINT64_C(1) << EXTENSION_##extension)

uint64_t
ehlo_permitted(const struct inspect_policy *policy)
{
	static const struct {
		uint64_t extension;
		unsigned verb;
	} rows[] = {
	    {BIT(STARTTLS), VERB_STARTTLS},
	    {BIT(AUTH), VERB_AUTH},
	    {BIT(HELP), VERB_HELP},
	    {BIT(VRFY), VERB_VRFY},
	    {BIT(CHUNKING), VERB_BDAT},
	    {BIT(EXPN), VERB_EXPN},
	    {BIT(ETRN), VERB_ETRN},
	    {BIT(XCLIENT), VERB_XCLIENT},
	    {BIT(XFORWARD), VERB_XFORWARD},
	};
	uint64_t bits = policy->extensions & ((UINT64_C(1) << EXTENSION_PERMITTED) - 1);

	if ((policy->flags & INSPECT_ALLOW_TLS) == 0) /* credentials would pass in the clear */
		bits &= ~(BIT(STARTTLS) | BIT(AUTH));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((policy->verbs >> rows[i].verb & 1) == 0 &&
		    (policy->flags & INSPECT_MONITOR_ONLY) == 0)
			bits &= ~rows[i].extension;
	/* RFC 8689 2: offered in TLS only, and of that nothing is seen here */
	return bits & ~BIT(REQUIRETLS);
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

/* What is of no use, or harmful, without another is not shown without it. */
static uint64_t
without_orphans(uint64_t shown)
{
	static const struct {
		uint64_t extension, needs;
	} rows[] = {
	    {BIT(BINARYMIME), BIT(CHUNKING)}, /* RFC 3030 3 */
	    {BIT(SMTPUTF8), BIT(8BITMIME)},   /* RFC 6531 3.1 */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((shown & rows[i].needs) == 0)
			shown &= ~rows[i].extension;
	return shown;
}

/* The keywords that may be shown, as the rules have it; in *ret_rule one that ends the session. */
static uint64_t
judge_lines(
    struct builder *build, const struct reply *reply, const uint8_t *bytes, uint8_t *ret_rule)
{
	const uint8_t *end = bytes + reply->length;
	uint64_t may = ehlo_permitted(build->policy), shown = 0;
	struct reply_line line;

	*ret_rule = RULE_NONE;
	reply_line(&line, bytes, end);
	while (line.next < end) {
		reply_line(&line, line.next, end);
		uint64_t known = bit_of(&line, UINT64_MAX), bit = known & may & ~shown;
		/* What is not shown is one of the others, and still has its name. */
		uint8_t rule = rule_judge_set(build, CRITERION_EHLO_REPLY_PARAMETER,
		    bit ? bit : known | INSPECT_EXTENSION_OTHERS);
		if (rule == RULE_NONE) {
			shown |= bit;
		} else if (build->policy->rule[rule].action != INSPECT_ACTION_MASK) {
			*ret_rule = rule;
			break;
		}
	}
	return without_orphans(shown);
}

/* A rule asks for the session's end: the server's reply is not for the client any more. */
static void
refuse(struct builder *build, const struct reply *reply, uint8_t rule)
{
	output_drop(build, reply->length);
	if (build->policy->rule[rule].action == INSPECT_ACTION_RESET) {
		ending_both(build, INSPECT_ABORT, INSPECT_REASON_INSPECTION);
		return;
	}
	own_reply_give(build, OWN_RULE_DROP, (uint8_t)(rule + 1));
	own_reply_note(build, OWN_RULE_DROP, (uint8_t)(rule + 1));
	ending_both(build, INSPECT_FIN, INSPECT_REASON_INSPECTION);
}

/* Decimal digits of `number`, the last at end[-1]; returns the first. */
static char *
write_number(char *end, uint64_t number)
{
	do {
		*--end = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	return end;
}

/* "SIZE n" with the smaller of the server's number, 0 or none being no limit, and the policy's
 * (RFC 1870 4). */
static bool
add_size(struct list *list, const struct reply_line *line, uint64_t most)
{
	char text[32] = "SIZE ", *at = text + sizeof(text);
	uint64_t size = 0;

	for (size_t i = 5; i < line->length && (unsigned)line->text[i] - '0' < 10; i++)
		size = size > UINT64_MAX / 16 ? size : size * 10 + (line->text[i] - (unsigned)'0');
	if (size && size <= most)
		return list_add(list, line->text, line->length);
	at = write_number(at, most);
	memmove(text + 5, at, (size_t)(text + sizeof(text) - at));
	return list_add(list, text, 5 + (size_t)(text + sizeof(text) - at));
}

/* ---- LIMITS (RFC 9422) ---- */

#define LIMIT_MAX 999999u /* 4.2: six digits */

/* The number of "RCPTMAX=n"; 0: another limit, or none that counts (RFC 9422 3.7). */
static uint32_t
read_rcptmax(const uint8_t *word, size_t length)
{
	uint32_t number = 0;

	if (length < 9 || length > 14 || !ascii_equal(word, "RCPTMAX=", 8) || word[8] == '0')
		return 0;
	for (size_t i = 8; i < length; i++) {
		if ((unsigned)word[i] - '0' > 9)
			return 0;
		number = number * 10 + word[i] - (unsigned)'0';
	}
	return number;
}

/* The limits of the server's line, if it has one, with the smaller RCPTMAX of its and the policy's. */
static bool
add_limits(struct list *list, const struct reply_line *line, uint32_t most)
{
	char text[REPLY_LINE_MAX + 32] = "LIMITS", digits[16];
	size_t at = 6, end = line ? line->length : 0;

	for (size_t from = at; from < end;) {
		size_t word = 0;
		while (from + word < end && line->text[from + word] != ' ')
			word++;
		uint32_t theirs = read_rcptmax(line->text + from, word);
		if (theirs && theirs < most)
			most = theirs;
		if (word && (word < 8 || !ascii_equal(line->text + from, "RCPTMAX=", 8))) {
			text[at++] = ' ';
			memcpy(text + at, line->text + from, word);
			at += word;
		}
		from += word + 1;
	}
	const char *number = write_number(digits + sizeof(digits), most);
	size_t length = (size_t)(digits + sizeof(digits) - number);
	memcpy(text + at, " RCPTMAX=", 9);
	memcpy(text + at + 9, number, length);
	return list_add(list, text, at + 9 + length);
}

/* A rule would hide that keyword if the server had said it. */
static bool
is_masked(const struct inspect_policy *policy, uint64_t bit)
{
	uint64_t left = policy->rules_of[CRITERION_EHLO_REPLY_PARAMETER];

	for (unsigned i = 0; i < policy->rules; i++) {
		const struct inspect_rule *rule = &policy->rule[i];
		bool negated = (rule->flags & INSPECT_RULE_NOT) != 0;
		if ((left >> i & 1) && rule->action != INSPECT_ACTION_LOG &&
		    ((rule->set & bit) != 0) != negated)
			return true;
	}
	return false;
}

/* The policy's own limits on one message, which are told rather than found out; none where they are
 * not enforced. */
struct told {
	uint64_t size;
	uint32_t recipients;
};

static struct told
limits_told(const struct inspect_policy *policy)
{
	struct told told = {policy->message_size_max, policy->recipients_max};

	if (policy->flags & INSPECT_MONITOR_ONLY)
		return (struct told){0, 0};
	if (told.recipients > LIMIT_MAX)
		told.recipients = LIMIT_MAX;
	return told;
}

static bool
add_line(struct list *list, const struct reply_line *line, uint64_t bit, const struct told *told)
{
	if (bit == BIT(SIZE) && told->size)
		return add_size(list, line, told->size);
	if (bit == BIT(LIMITS) && told->recipients)
		return add_limits(list, line, told->recipients);
	return list_add(list, line->text, line->length);
}

static void
write_lines(struct builder *build, const struct reply *reply, const uint8_t *bytes, uint64_t may,
    struct list *list)
{
	const uint8_t *end = bytes + reply->length;
	struct told told = limits_told(build->policy);
	uint64_t shown = 0;
	struct reply_line line;

	reply_line(&line, bytes, end);
	add_name(build, list, &line);
	while (line.next < end) {
		reply_line(&line, line.next, end);
		uint64_t bit = bit_of(&line, may & ~shown);
		if (bit && add_line(list, &line, bit, &told))
			shown |= bit;
		else
			build->out->tally.ehlo_removed++;
	}
	if (told.recipients && (shown & BIT(LIMITS)) == 0 &&
	    (ehlo_permitted(build->policy) & BIT(LIMITS)) != 0 &&
	    !is_masked(build->policy, BIT(LIMITS)) && add_limits(list, NULL, told.recipients))
		shown |= BIT(LIMITS);
	list->text[list->last + 3] = ' ';
	remember(build->state, shown);
}

void
ehlo_rewrite(struct builder *build, const struct reply *reply, const uint8_t *bytes)
{
	struct list list;
	uint8_t rule;

	if (compat_ehlo(build, reply, bytes)) {
		ehlo_remember(build->state, reply, bytes);
		return;
	}
	uint64_t may = judge_lines(build, reply, bytes, &rule);
	if (rule != RULE_NONE) {
		refuse(build, reply, rule);
		return;
	}
	list.length = 0;
	list.last = 0;
	write_lines(build, reply, bytes, may, &list);
	output_drop(build, reply->length);
	output_insert(build, INSPECT_CLIENT, list.text, list.length);
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
