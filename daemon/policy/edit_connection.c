#include "daemon/policy/edit_connection.h"

#include <string.h>

#define KEYWORD_MAX 40

/* A limit as it stands in the line. */
struct named_limit {
	char keyword[KEYWORD_MAX];
	const char *number; /* NULL: none is given */
};

/* The keyword at `word`, written out, and the number behind it. false: none of a limit is there. */
static bool
named_limit_at(const struct grammar_match *match, unsigned word, struct named_limit *ret_limit)
{
	const struct pattern_token *token = &match->token[word];
	if (!token->handed_on || token->length >= KEYWORD_MAX)
		return false;
	memcpy(ret_limit->keyword, token->text, token->length);
	ret_limit->keyword[token->length] = '\0';
	bool numbered = word + 1 < match->words && match->token[word + 1].type == VALUE_NUMBER;
	ret_limit->number = numbered ? match->word[word + 1].text : NULL;
	return true;
}

static void
take_limits(struct edit *edit, struct config_class *class, const struct connection_limits *limits)
{
	if (connection_limits_equal(&class->limits, limits))
		return;
	class->limits = *limits;
	edit_changed(edit);
}

void
edit_set_connection(struct edit *edit)
{
	struct config_class *class = edit_current_class(edit);
	if (class == NULL)
		return;
	struct connection_limits limits = class->limits;
	for (unsigned i = 0; i < edit->match->words; i++) {
		struct named_limit named;
		if (named_limit_at(edit->match, i, &named))
			connection_limits_enter(&limits, named.keyword, value_number(named.number));
	}
	take_limits(edit, class, &limits);
}

/* false: the class has another number there, which the operator may not mean. */
static bool
forget(struct edit *edit, const struct config_class *class, const struct named_limit *named,
    struct connection_limits *limits)
{
	uint32_t number;
	if (!connection_limits_entered(limits, named->keyword, &number)) {
		edit_warn(edit, "class %s has no %s", class->name, named->keyword);
		return true;
	}
	if (named->number != NULL && value_number(named->number) != number) {
		edit_refuse(
		    edit, "class %s has %s %u", class->name, named->keyword, (unsigned)number);
		return false;
	}
	connection_limits_forget(limits, named->keyword);
	return true;
}

void
edit_no_set_connection(struct edit *edit)
{
	static const struct connection_limits none;
	struct config_class *class = edit_current_class(edit);
	if (class == NULL)
		return;
	struct connection_limits limits = class->limits;
	bool named_any = false;
	for (unsigned i = 0; i < edit->match->words; i++) {
		struct named_limit named;
		if (!named_limit_at(edit->match, i, &named))
			continue;
		named_any = true;
		if (!forget(edit, class, &named, &limits))
			return;
	}
	if (!named_any && limits.entered == 0)
		edit_warn(edit, "class %s has no limits", class->name);
	take_limits(edit, class, named_any ? &limits : &none);
}
