#include "daemon/policy/grammar.h"

#include "daemon/policy/edit_access_list.h"
#include "daemon/policy/edit_class_map.h"
#include "daemon/policy/edit_connection.h"
#include "daemon/policy/edit_esmtp.h"
#include "daemon/policy/edit_fixup.h"
#include "daemon/policy/edit_match.h"
#include "daemon/policy/edit_mode.h"
#include "daemon/policy/edit_policy.h"
#include "daemon/policy/edit_static.h"

#include <string.h>
#include <strings.h>

/* How well a word fits a token; 0 not at all. */
enum rank { RANK_NONE, RANK_ABBREVIATION, RANK_VALUE, RANK_EXACT };

static const struct grammar_row rows[] = {
#define LINE(levels, run, form, ...)	  {levels, CLI_ACTION_NONE, run, form, {__VA_ARGS__}},
#define ACTION(levels, action, form, ...) {levels, CLI_ACTION_##action, NULL, form, {__VA_ARGS__}},
#include "daemon/policy/grammar.def"
#undef ACTION
#undef LINE

/* `match` in an ESMTP map: what it looks at is the core's table. */
#define OPERAND_NUMBER	   "gt NUMBER<0-4294967295>"
#define OPERAND_EXTENSIONS "REPLY_PARAMETER ..."
#define HELP_NUMBER	   "Greater than", "How much"
#define HELP_EXTENSIONS	   "Keyword; others: every one that is not known"
#define HELP_COMMAND	   "A command of the client"
#define HELP_HEADER	   "The header of a message"
#define HELP_BODY	   "The body of a message"
#define HELP_MIME	   "The MIME parts of a message"
#define HELP_REPLY	   "The server's reply"
#define CRITERION(identifier, name, operand, where, actions)                                       \
	{GRAMMAR_ESMTP, CLI_ACTION_NONE, edit_match,                                               \
	    "match [not] '" name "' " OPERAND_##operand " /",                                      \
	    {"Mail that has a property", "That has it not", HELP_##where, HELP_##operand}},
#include "worker/inspect/criterion_table.def"
#undef CRITERION
};

const struct grammar_row *
grammar_row(unsigned index)
{
	return index < sizeof(rows) / sizeof(rows[0]) ? &rows[index] : NULL;
}

void
grammar_start(struct grammar *grammar, unsigned levels, bool negated)
{
	grammar->negated = negated;
	grammar->words = 0;
	grammar->patterns = 0;
	grammar->paths = 0;
	const struct grammar_row *row;
	for (unsigned i = 0; (row = grammar_row(i)) != NULL; i++) {
		if (!(row->levels & levels) || grammar->patterns == GRAMMAR_ROWS_MAX)
			continue;
		bool only_no = strncmp(row->form, "no ", 3) == 0;
		struct pattern *pattern = &grammar->pattern[grammar->patterns];
		if (!pattern_parse(pattern, row->form + (only_no ? 3 : 0), row->help))
			continue;
		if (only_no)
			pattern->last_no = pattern->last;
		if (negated ? pattern->last_no == 0 : only_no)
			continue;
		grammar->row[grammar->patterns++] = row;
	}
}

static enum rank
rank_of(const struct pattern_token *token, const struct lexer_word *word)
{
	if (token->type != VALUE_KEYWORD) {
		bool fits = value_check(token->type, word->text, token->least, token->most);
		return fits ? RANK_VALUE : RANK_NONE;
	}
	size_t length = strlen(word->text);
	if (word->quoted || length == 0 || length > token->length ||
	    strncasecmp(word->text, token->text, length) != 0)
		return RANK_NONE;
	return length == token->length ? RANK_EXACT : RANK_ABBREVIATION;
}

static uint32_t
next_set(const struct grammar *grammar, const struct grammar_path *path)
{
	return grammar->pattern[path->pattern].follow[path->token[grammar->words - 1]];
}

/* The sets of tokens that may come next, one after the other: before the first word that is one
 * set per pattern, later one per path. */
static bool
expected(const struct grammar *grammar, unsigned index, unsigned *ret_pattern, uint32_t *ret_set)
{
	if (grammar->words == 0) {
		if (index >= grammar->patterns)
			return false;
		*ret_pattern = index;
		*ret_set = grammar->pattern[index].first;
		return true;
	}
	if (index >= grammar->paths)
		return false;
	const struct grammar_path *path = &grammar->path[grammar->words & 1][index];
	*ret_pattern = path->pattern;
	*ret_set = next_set(grammar, path);
	return true;
}

/* What the word can be in this place, over all rows. */
struct reading {
	enum rank best;
	const struct pattern_token *abbreviation;
	bool several; /* it abbreviates different keywords */
};

static void
read_token(
    struct reading *reading, const struct pattern_token *token, const struct lexer_word *word)
{
	enum rank rank = rank_of(token, word);
	if (rank > reading->best)
		reading->best = rank;
	if (rank != RANK_ABBREVIATION)
		return;
	const struct pattern_token *other = reading->abbreviation;
	if (other == NULL)
		reading->abbreviation = token;
	else if (other->length != token->length ||
		 strncasecmp(other->text, token->text, token->length) != 0)
		reading->several = true;
}

static struct reading
read_word(const struct grammar *grammar, const struct lexer_word *word)
{
	struct reading reading = {.best = RANK_NONE};
	unsigned pattern;
	uint32_t set;
	for (unsigned i = 0; expected(grammar, i, &pattern, &set); i++) {
		for (; set != 0; set &= set - 1)
			read_token(
			    &reading, &grammar->pattern[pattern].token[__builtin_ctz(set)], word);
	}
	return reading;
}

static enum rank
least_rank(const struct reading *reading)
{
	if (reading->best == RANK_EXACT)
		return RANK_EXACT;
	return reading->several ? RANK_VALUE : RANK_ABBREVIATION;
}

static void
extend_path(struct grammar *grammar, unsigned index, unsigned pattern, unsigned token,
    enum rank rank, unsigned *count)
{
	if (*count == GRAMMAR_PATHS_MAX)
		return;
	unsigned side = grammar->words & 1;
	struct grammar_path *path = &grammar->path[!side][(*count)++];
	if (grammar->words > 0) {
		const struct grammar_path *old = &grammar->path[side][index];
		memcpy(path->token, old->token, grammar->words);
		memcpy(path->rank, old->rank, grammar->words);
	}
	path->pattern = (uint8_t)pattern;
	path->token[grammar->words] = (uint8_t)token;
	path->rank[grammar->words] = (uint8_t)rank;
}

enum grammar_status
grammar_feed(struct grammar *grammar, const struct lexer_word *word)
{
	if (grammar->words == LEXER_WORDS_MAX)
		return GRAMMAR_INVALID;
	struct reading reading = read_word(grammar, word);
	if (reading.best == RANK_NONE)
		return GRAMMAR_INVALID;
	if (reading.best == RANK_ABBREVIATION && reading.several)
		return GRAMMAR_AMBIGUOUS;
	enum rank least = least_rank(&reading);
	unsigned count = 0, pattern;
	uint32_t set;
	for (unsigned i = 0; expected(grammar, i, &pattern, &set); i++) {
		for (; set != 0; set &= set - 1) {
			unsigned token = (unsigned)__builtin_ctz(set);
			enum rank rank = rank_of(&grammar->pattern[pattern].token[token], word);
			if (rank >= least)
				extend_path(grammar, i, pattern, token, rank, &count);
		}
	}
	grammar->paths = count;
	grammar->words++;
	return GRAMMAR_GOOD;
}

bool
grammar_takes_rest(const struct grammar *grammar)
{
	unsigned pattern;
	uint32_t set;
	for (unsigned i = 0; expected(grammar, i, &pattern, &set); i++) {
		for (; set != 0; set &= set - 1) {
			if (grammar->pattern[pattern].token[__builtin_ctz(set)].type == VALUE_LINE)
				return true;
		}
	}
	return false;
}

static bool
is_complete(const struct grammar *grammar, const struct grammar_path *path)
{
	const struct pattern *pattern = &grammar->pattern[path->pattern];
	uint32_t last = grammar->negated ? pattern->last_no : pattern->last;
	return last >> path->token[grammar->words - 1] & 1;
}

/* Word by word: exact before value before abbreviation. */
static int
compare(
    const struct grammar *grammar, const struct grammar_path *one, const struct grammar_path *other)
{
	return memcmp(one->rank, other->rank, grammar->words);
}

enum grammar_status
grammar_finish(
    const struct grammar *grammar, const struct lexer_word *word, struct grammar_match *ret_match)
{
	const struct grammar_path *best = NULL;
	for (unsigned i = 0; i < grammar->paths && grammar->words > 0; i++) {
		const struct grammar_path *path = &grammar->path[grammar->words & 1][i];
		if (is_complete(grammar, path) &&
		    (best == NULL || compare(grammar, path, best) > 0))
			best = path;
	}
	if (best == NULL)
		return GRAMMAR_INCOMPLETE;
	ret_match->row = grammar->row[best->pattern];
	ret_match->negated = grammar->negated;
	ret_match->words = grammar->words;
	ret_match->word = word;
	for (unsigned i = 0; i < grammar->words; i++)
		ret_match->token[i] = grammar->pattern[best->pattern].token[best->token[i]];
	return GRAMMAR_GOOD;
}

bool
grammar_may_end(const struct grammar *grammar)
{
	for (unsigned i = 0; i < grammar->paths && grammar->words > 0; i++) {
		if (is_complete(grammar, &grammar->path[grammar->words & 1][i]))
			return true;
	}
	return false;
}

void
grammar_visit_next(const struct grammar *grammar,
    void (*visit)(void *context, const struct pattern_token *token), void *context)
{
	unsigned pattern;
	uint32_t set;
	for (unsigned i = 0; expected(grammar, i, &pattern, &set); i++) {
		for (; set != 0; set &= set - 1)
			visit(context, &grammar->pattern[pattern].token[__builtin_ctz(set)]);
	}
}

const char *
grammar_value(const struct grammar_match *match, enum value_type type, unsigned index)
{
	for (unsigned i = 0; i < match->words; i++) {
		if (match->token[i].type == type && index-- == 0)
			return match->word[i].text;
	}
	return NULL;
}

static int
find_keyword(const struct grammar_match *match, const char *keyword)
{
	for (unsigned i = match->words; i > 0; i--) {
		const struct pattern_token *token = &match->token[i - 1];
		if (token->type == VALUE_KEYWORD && strlen(keyword) == token->length &&
		    memcmp(keyword, token->text, token->length) == 0)
			return (int)i - 1;
	}
	return -1;
}

bool
grammar_has(const struct grammar_match *match, const char *keyword)
{
	return find_keyword(match, keyword) >= 0;
}

const char *
grammar_behind(const struct grammar_match *match, const char *keyword)
{
	int found = find_keyword(match, keyword);
	if (found < 0 || (unsigned)found + 1 >= match->words)
		return NULL;
	return match->word[found + 1].text;
}
