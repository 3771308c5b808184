#include "daemon/policy/pattern.h"

#include <string.h>

/* What a part of a form looks like from outside. */
struct part {
	uint32_t first;
	uint32_t last;
	bool empty; /* may match nothing */
};

struct parser {
	struct pattern *pattern;
	const char *at;
	const char *const *help;
	unsigned depth;
	bool failed;
};

static struct part parse_choice(struct parser *parser);

static void
skip_blanks(struct parser *parser)
{
	parser->at += strspn(parser->at, " ");
}

static bool
take(struct parser *parser, const char *text)
{
	skip_blanks(parser);
	if (strncmp(parser->at, text, strlen(text)) != 0)
		return false;
	parser->at += strlen(text);
	return true;
}

static uint32_t
take_number(struct parser *parser)
{
	uint32_t number = 0;
	while (*parser->at >= '0' && *parser->at <= '9')
		number = number * 10 + (uint32_t)(*parser->at++ - '0');
	return number;
}

static void
take_bounds(struct parser *parser, struct pattern_token *token)
{
	if (*parser->at != '<')
		return;
	parser->at++;
	token->least = take_number(parser);
	parser->failed |= !take(parser, "-");
	token->most = take_number(parser);
	parser->failed |= !take(parser, ">") || token->least > token->most;
}

/* A token of that many bytes; NULL: it cannot be one. */
static struct pattern_token *
add_token(struct parser *parser, size_t length)
{
	struct pattern *pattern = parser->pattern;
	if (length == 0 || pattern->count == PATTERN_TOKENS_MAX || *parser->help == NULL) {
		parser->failed = true;
		return NULL;
	}
	struct pattern_token *token = &pattern->token[pattern->count++];
	*token = (struct pattern_token){
	    .text = parser->at, .help = *parser->help, .length = (uint8_t)length};
	parser->at += length;
	return token;
}

static struct part
last_token(const struct parser *parser)
{
	uint32_t bit = 1u << (parser->pattern->count - 1);
	return (struct part){bit, bit, false};
}

static struct part
parse_token(struct parser *parser)
{
	struct part nothing = {.empty = true};
	bool handed_on = take(parser, "=");
	struct pattern_token *token = add_token(parser, strcspn(parser->at, " []{}|<'"));
	if (token == NULL)
		return nothing;
	parser->help++;
	token->handed_on = handed_on;
	if (token->text[0] >= 'A' && token->text[0] <= 'Z') {
		token->type = (uint8_t)value_type_find(token->text, token->length);
		parser->failed |= token->type == VALUE_TYPES;
	}
	take_bounds(parser, token);
	return last_token(parser);
}

static struct part
parse_group(struct parser *parser, const char *end)
{
	if (++parser->depth > 8)
		parser->failed = true;
	struct part part = {.empty = true};
	if (!parser->failed)
		part = parse_choice(parser);
	parser->failed |= !take(parser, end);
	parser->depth--;
	return part;
}

static void
link_tokens(struct pattern *pattern, uint32_t from, uint32_t to)
{
	for (unsigned i = 0; i < pattern->count; i++) {
		if (from & 1u << i)
			pattern->follow[i] |= to;
	}
}

static struct part
parse_words(struct parser *parser)
{
	struct part words = {.empty = true};
	while (!parser->failed && !take(parser, "'")) {
		if (add_token(parser, strcspn(parser->at, " '")) == NULL)
			return words;
		struct part next = last_token(parser);
		link_tokens(parser->pattern, words.last, next.first);
		words = (struct part){words.empty ? next.first : words.first, next.last, false};
	}
	parser->failed |= words.empty;
	if (!parser->failed)
		parser->help++;
	return words;
}

static struct part
parse_item(struct parser *parser)
{
	struct part part;
	if (take(parser, "[")) {
		part = parse_group(parser, "]");
		part.empty = true;
	} else if (take(parser, "{")) {
		part = parse_group(parser, "}");
	} else if (take(parser, "'")) {
		part = parse_words(parser);
	} else {
		part = parse_token(parser);
	}
	if (take(parser, "..."))
		link_tokens(parser->pattern, part.last, part.first);
	return part;
}

static struct part
parse_sequence(struct parser *parser)
{
	struct part whole = {.empty = true};
	for (;;) {
		skip_blanks(parser);
		if (parser->failed || *parser->at == '\0' || strchr("|]}", *parser->at) != NULL)
			return whole;
		if (take(parser, "/")) {
			parser->failed |= parser->depth != 0 || whole.empty;
			parser->pattern->last_no = whole.last;
			continue;
		}
		struct part next = parse_item(parser);
		link_tokens(parser->pattern, whole.last, next.first);
		whole.first |= whole.empty ? next.first : 0;
		whole.last = next.last | (next.empty ? whole.last : 0);
		whole.empty = whole.empty && next.empty;
	}
}

static struct part
parse_choice(struct parser *parser)
{
	struct part choice = parse_sequence(parser);
	while (!parser->failed && take(parser, "|")) {
		struct part other = parse_sequence(parser);
		choice.first |= other.first;
		choice.last |= other.last;
		choice.empty |= other.empty;
	}
	return choice;
}

bool
pattern_parse(struct pattern *pattern, const char *form, const char *const *help)
{
	memset(pattern, 0, sizeof(*pattern));
	struct parser parser = {.pattern = pattern, .at = form, .help = help};
	struct part whole = parse_choice(&parser);
	bool good = !parser.failed && *parser.at == '\0' && *parser.help == NULL && !whole.empty;
	if (!good) {
		pattern->count = 0;
		return false;
	}
	pattern->first = whole.first;
	pattern->last = whole.last;
	if (pattern->last_no != 0)
		pattern->last_no |= whole.last;
	return true;
}
