#include "daemon/policy/lexer.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Length of the UTF-8 sequence at text; 0 if there is none (RFC 3629 4). */
static size_t
utf8_length(const unsigned char *text, size_t left)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = text[0] < 0x80	       ? 1
			: text[0] >> 5 == 0x06 ? 2
			: text[0] >> 4 == 0x0e ? 3
			: text[0] >> 3 == 0x1e ? 4
					       : 0;
	if (length == 0 || length > left)
		return 0;
	if (length == 1)
		return 1;
	uint32_t code = text[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if (text[i] >> 6 != 0x02)
			return 0;
		code = code << 6 | (text[i] & 0x3fu);
	}
	bool surrogate = code >= 0xd800 && code <= 0xdfff;
	/* C1 controls move a terminal as the C0 controls do. */
	bool control = code < 0xa0;
	return code < least[length] || code > 0x10ffff || surrogate || control ? 0 : length;
}

static unsigned
first_bad_byte(const char *line, size_t length)
{
	for (size_t i = 0; i < length;) {
		unsigned char c = (unsigned char)line[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f || i >= LEXER_LINE_MAX)
			return (unsigned)i + 1;
		size_t step = utf8_length((const unsigned char *)line + i, length - i);
		if (step == 0)
			return (unsigned)i + 1;
		i += step;
	}
	return length > LEXER_LINE_MAX ? LEXER_LINE_MAX + 1 : 0;
}

unsigned
lexer_start(struct lexer *lexer, const char *line, size_t length)
{
	lexer->line = line;
	lexer->length = length;
	lexer->position = 0;
	lexer->count = 0;
	lexer->used = 0;
	return first_bad_byte(line, length);
}

static void
skip_blanks(struct lexer *lexer)
{
	while (lexer->position < lexer->length && is_blank(lexer->line[lexer->position]))
		lexer->position++;
}

static void
put(struct lexer *lexer, char c)
{
	/* Each word is no longer than its source, and its NUL has room of its own. */
	if (lexer->used < sizeof(lexer->store))
		lexer->store[lexer->used++] = c;
}

/* Behind the opening quote; false if it is never closed. */
static bool
take_quoted(struct lexer *lexer)
{
	while (lexer->position < lexer->length) {
		char c = lexer->line[lexer->position++];
		if (c == '"')
			return true;
		if (c == '\\' && lexer->position < lexer->length) {
			char next = lexer->line[lexer->position];
			if (next == '"' || next == '\\') {
				c = next;
				lexer->position++;
			}
		}
		put(lexer, c);
	}
	return false;
}

static bool
take_parenthesis(struct lexer *lexer)
{
	while (lexer->position < lexer->length) {
		char c = lexer->line[lexer->position++];
		if (!is_blank(c))
			put(lexer, c);
		if (c == ')')
			return true;
	}
	return false;
}

static void
take_plain(struct lexer *lexer)
{
	while (lexer->position < lexer->length && !is_blank(lexer->line[lexer->position]))
		put(lexer, lexer->line[lexer->position++]);
}

static bool
at_word_end(const struct lexer *lexer)
{
	return lexer->position >= lexer->length || is_blank(lexer->line[lexer->position]);
}

enum lexer_status
lexer_next(struct lexer *lexer, unsigned *ret_column)
{
	skip_blanks(lexer);
	if (lexer->position >= lexer->length || lexer->line[lexer->position] == '!')
		return LEXER_END;
	unsigned column = (unsigned)lexer->position + 1;
	*ret_column = column;
	if (lexer->count == LEXER_WORDS_MAX)
		return LEXER_BAD;
	char first = lexer->line[lexer->position];
	struct lexer_word word = {lexer->store + lexer->used, column, first == '"'};
	if (first == '"') {
		lexer->position++;
		if (!take_quoted(lexer))
			return LEXER_BAD;
	} else if (first == '(') {
		if (!take_parenthesis(lexer))
			return LEXER_BAD;
	} else {
		take_plain(lexer);
	}
	*ret_column = (unsigned)lexer->position + 1;
	if (!at_word_end(lexer))
		return LEXER_BAD;
	put(lexer, '\0');
	lexer->word[lexer->count++] = word;
	return LEXER_WORD;
}

/* Is the rest one quoted word with nothing but a comment behind it? */
static bool
rest_is_quoted(const struct lexer *lexer)
{
	struct lexer trial = {.line = lexer->line, .length = lexer->length};
	unsigned column;
	trial.position = lexer->position;
	return lexer_next(&trial, &column) == LEXER_WORD &&
	       lexer_next(&trial, &column) == LEXER_END;
}

enum lexer_status
lexer_rest(struct lexer *lexer, unsigned *ret_column)
{
	skip_blanks(lexer);
	if (lexer->position >= lexer->length || lexer->line[lexer->position] == '!')
		return LEXER_END;
	if (lexer->line[lexer->position] == '"' && rest_is_quoted(lexer))
		return lexer_next(lexer, ret_column);
	*ret_column = (unsigned)lexer->position + 1;
	if (lexer->count == LEXER_WORDS_MAX)
		return LEXER_BAD;
	size_t end = lexer->length;
	while (end > lexer->position && is_blank(lexer->line[end - 1]))
		end--;
	struct lexer_word word = {lexer->store + lexer->used, *ret_column, false};
	while (lexer->position < end)
		put(lexer, lexer->line[lexer->position++]);
	lexer->position = lexer->length;
	put(lexer, '\0');
	lexer->word[lexer->count++] = word;
	return LEXER_WORD;
}

static bool
needs_quotes(const char *text)
{
	return text[0] == '\0' || text[0] == '!' || text[0] == '(' || text[0] == '"' ||
	       strpbrk(text, " \t") != NULL;
}

static void
quote(char *buffer, size_t size, const char *text)
{
	size_t used = 0;
	buffer[used++] = '"';
	for (; *text != '\0' && used + 4 < size; text++) {
		/* A backslash that could be taken for an escape is escaped; others stay. */
		bool escape =
		    text[0] == '"' ||
		    (text[0] == '\\' && (text[1] == '\\' || text[1] == '"' || text[1] == '\0'));
		if (escape)
			buffer[used++] = '\\';
		buffer[used++] = *text;
	}
	buffer[used++] = '"';
	buffer[used] = '\0';
}

void
lexer_quote(char *buffer, size_t size, const char *text, bool always)
{
	if (always || needs_quotes(text))
		quote(buffer, size, text);
	else
		snprintf(buffer, size, "%s", text);
}

void
lexer_quote_rest(char *buffer, size_t size, const char *text)
{
	size_t length = strlen(text);
	bool plain = length > 0 && text[0] != '!' && text[0] != '"' && !is_blank(text[0]) &&
		     !is_blank(text[length - 1]);
	if (plain)
		snprintf(buffer, size, "%s", text);
	else
		quote(buffer, size, text);
}
