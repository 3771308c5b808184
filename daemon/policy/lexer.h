/*
 * lexer -- cuts one command line into words
 *
 * A word ends at a blank.  "..." is one word (\" and \\ inside, any other backslash stands for
 * itself), and so is (...), without its blanks.  `!` where a word would begin ends the line.
 * Words are cut one by one, because a description takes the rest of its line as it stands.
 * The caller owns the lexer; the line must outlive lexer_next().  No heap.
 */
#ifndef DAEMON_POLICY_LEXER_H
#define DAEMON_POLICY_LEXER_H

#include <stdbool.h>
#include <stddef.h>

#define LEXER_LINE_MAX	1024
#define LEXER_WORDS_MAX 128

struct lexer_word {
	const char *text; /* in the lexer's store, NUL-terminated */
	unsigned column;  /* 1-based byte of the line */
	bool quoted;
};

enum lexer_status {
	LEXER_WORD,
	LEXER_END,
	LEXER_BAD, /* open quote or parenthesis, something behind a closing one, too many words */
};

struct lexer {
	const char *line;
	size_t length;
	size_t position;
	unsigned count;
	struct lexer_word word[LEXER_WORDS_MAX];
	size_t used;
	char store[LEXER_LINE_MAX + LEXER_WORDS_MAX + 1];
};

/* 0, or the column of the first byte that no line may hold (control, bad UTF-8, too long). */
unsigned lexer_start(struct lexer *lexer, const char *line, size_t length);
/* The next word is lexer->word[count - 1]; on LEXER_BAD *ret_column says where. */
enum lexer_status lexer_next(struct lexer *lexer, unsigned *ret_column);
/* The rest of the line as one word; if it is wholly one "..." that is unquoted. */
enum lexer_status lexer_rest(struct lexer *lexer, unsigned *ret_column);

/* Writes text so that lexer_next() gives it back: quoted if need be. Always NUL-terminated. */
void lexer_quote(char *buffer, size_t size, const char *text, bool always);
/* Likewise for lexer_rest(). */
void lexer_quote_rest(char *buffer, size_t size, const char *text);

#endif
