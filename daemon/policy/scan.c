#include "daemon/policy/scan.h"

#include "daemon/policy/edit_mode.h"

#include <string.h>

#define TIERS_MAX 5

struct tier {
	unsigned levels;
	enum cli_mode mode;
};

static const struct tier view_tier = {GRAMMAR_VIEW, CLI_EXEC};
static const struct tier exec_tier = {GRAMMAR_VIEW | GRAMMAR_EXEC, CLI_EXEC};
static const struct tier config_tier = {GRAMMAR_CONFIG, CLI_CONFIG};
static const struct tier policy_tier = {GRAMMAR_POLICY, CLI_POLICY_MAP};
static const struct tier esmtp_tier = {GRAMMAR_ESMTP, CLI_POLICY_MAP};
static const struct tier parameters_tier = {GRAMMAR_PARAMETERS, CLI_PARAMETERS};
static const struct tier match_tier = {GRAMMAR_MATCH, CLI_CLASS};
static const struct tier class_map_tier = {GRAMMAR_CLASS_MAP, CLI_CLASS_MAP};
static const struct tier class_tier = {GRAMMAR_CLASS, CLI_CLASS};

bool
scan_is_configuration(const struct cli_place *place)
{
	return place->mode != CLI_VIEW && place->mode != CLI_EXEC;
}

/* From the present mode outward. */
static unsigned
list_tiers(const struct cli_place *place, struct tier tiers[TIERS_MAX])
{
	unsigned count = 0;
	switch (place->mode) {
	case CLI_VIEW:
		tiers[count++] = view_tier;
		return count;
	case CLI_EXEC:
		tiers[count++] = exec_tier;
		tiers[count++] = config_tier;
		return count;
	case CLI_PARAMETERS:
		tiers[count++] = parameters_tier;
		tiers[count++] = esmtp_tier;
		break;
	case CLI_CLASS:
		tiers[count++] = place->esmtp ? match_tier : class_tier;
		tiers[count++] = place->esmtp ? esmtp_tier : policy_tier;
		break;
	case CLI_POLICY_MAP:
		tiers[count++] = place->esmtp ? esmtp_tier : policy_tier;
		break;
	case CLI_CLASS_MAP:
		tiers[count++] = class_map_tier;
		break;
	case CLI_CONFIG:
		break;
	}
	tiers[count++] = config_tier;
	tiers[0].levels |= GRAMMAR_INNER;
	tiers[count++] = exec_tier;
	return count;
}

/* `no` and `do` are typed in full; takes them off. */
static const struct tier *
take_prefix(
    struct scan *scan, const struct cli_place *place, const struct tier *tier, bool *ret_negated)
{
	struct lexer *lexer = &scan->lexer;
	struct lexer before = {.position = lexer->position};
	unsigned column;
	*ret_negated = false;
	scan->prefixed = false;
	bool word = lexer_next(lexer, &column) == LEXER_WORD && !lexer->word[0].quoted;
	bool ends = lexer->position == lexer->length;
	bool negated = word && !ends && strcmp(lexer->word[0].text, "no") == 0;
	bool execute =
	    word && !ends && strcmp(lexer->word[0].text, "do") == 0 && scan_is_configuration(place);
	if (negated || execute) {
		*ret_negated = negated;
		scan->prefixed = true;
		scan->words = lexer->word + 1;
		return execute ? &exec_tier : tier;
	}
	lexer->position = before.position;
	lexer->count = 0;
	lexer->used = 0;
	scan->words = lexer->word;
	return tier;
}

static bool
start(struct scan *scan, const struct cli_place *place, const char *line, size_t length,
    const struct tier *tier)
{
	bool negated;
	scan->column = lexer_start(&scan->lexer, line, length);
	scan->status = scan->column == 0 ? GRAMMAR_GOOD : GRAMMAR_INVALID;
	if (scan->status != GRAMMAR_GOOD)
		return false;
	tier = take_prefix(scan, place, tier, &negated);
	scan->mode = tier->mode;
	grammar_start(&scan->grammar, tier->levels, negated);
	return true;
}

static void
feed(struct scan *scan)
{
	enum lexer_status status;
	do {
		status = grammar_takes_rest(&scan->grammar)
			     ? lexer_rest(&scan->lexer, &scan->column)
			     : lexer_next(&scan->lexer, &scan->column);
		if (status == LEXER_BAD)
			scan->status = GRAMMAR_INVALID;
		if (status != LEXER_WORD)
			return;
		const struct lexer_word *word = &scan->lexer.word[scan->lexer.count - 1];
		scan->column = word->column;
		scan->status = grammar_feed(&scan->grammar, word);
	} while (scan->status == GRAMMAR_GOOD);
}

static void
try_tier(
    struct scan *scan, const struct cli_place *place, const char *line, const struct tier *tier)
{
	size_t length = strlen(line);
	scan->empty = false;
	if (!start(scan, place, line, length, tier))
		return;
	feed(scan);
	scan->empty = scan->lexer.count == 0;
	if (scan->status == GRAMMAR_GOOD && !scan->empty && !grammar_may_end(&scan->grammar)) {
		scan->status = GRAMMAR_INCOMPLETE;
		scan->column = (unsigned)length + 1;
	}
}

bool
scan_line(struct scan *scan, const struct cli_place *place, const char *line)
{
	struct tier tiers[TIERS_MAX];
	unsigned count = list_tiers(place, tiers);
	unsigned best = 0, furthest = 0;
	for (scan->tier = 0; scan->tier < count; scan->tier++) {
		try_tier(scan, place, line, &tiers[scan->tier]);
		if (scan->status != GRAMMAR_INVALID)
			return scan->status == GRAMMAR_GOOD;
		if (scan->column > furthest) {
			furthest = scan->column;
			best = scan->tier;
		}
	}
	scan->tier = best;
	try_tier(scan, place, line, &tiers[best]);
	return false;
}

bool
scan_partial(struct scan *scan, const struct cli_place *place, const char *line, unsigned tier)
{
	struct tier tiers[TIERS_MAX];
	if (tier >= list_tiers(place, tiers))
		return false;
	size_t length = strlen(line);
	size_t begin = length;
	while (begin > 0 && line[begin - 1] != ' ' && line[begin - 1] != '\t')
		begin--;
	if (length - begin > CLI_LINE_MAX) {
		scan->status = GRAMMAR_INVALID;
		return true;
	}
	memcpy(scan->partial, line + begin, length - begin);
	scan->partial[length - begin] = '\0';
	scan->tier = tier;
	if (start(scan, place, line, begin, &tiers[tier]))
		feed(scan);
	return true;
}

void
scan_enter_mode(const struct scan *scan, struct cli_place *place)
{
	if (scan->mode == CLI_EXEC)
		return;
	if (!scan_is_configuration(place)) {
		memset(place, 0, sizeof(*place));
		place->mode = scan->mode;
	}
	while (place->mode != scan->mode)
		edit_mode_leave(place);
}
