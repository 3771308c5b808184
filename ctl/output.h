/*
 * output -- what a command's answer goes through before it is seen
 *
 * `COMMAND | include RE`, `| exclude RE`, `| begin RE`, `| count [RE]`: one filter, on this side of
 * the socket.  In the shell, on a terminal, a pager stops after the number of lines that
 * `terminal length N` gave (0: never).
 */
#ifndef CTL_OUTPUT_H
#define CTL_OUTPUT_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define OUTPUT_ERROR_MAX 160

enum output_filter { OUTPUT_ALL, OUTPUT_INCLUDE, OUTPUT_EXCLUDE, OUTPUT_BEGIN, OUTPUT_COUNT };

struct output {
	FILE *file;
	enum output_filter filter;
	bool has_expression;
	regex_t expression;
	bool begun; /* OUTPUT_BEGIN: the line has come */
	unsigned long counted;
	unsigned page; /* lines a page; 0: no pager */
	unsigned shown;
	bool quit; /* the reader has seen enough */
	char *partial;
	size_t partial_length;
	size_t partial_size;
};

/*
 * Splits `line` at its filter: the command's length goes to *ret_length.  A `|` inside quotes is
 * none.  false: the filter is not understood, message says why.
 */
bool output_init(struct output *output, FILE *file, unsigned page, const char *line,
    size_t *ret_length, char message[OUTPUT_ERROR_MAX]);
/* Bytes of the answer as they come; whole lines are shown at once. */
void output_write(struct output *output, const char *text, size_t length);
/* The last line, the count; gives everything back. */
void output_finish(struct output *output);

/* Copies what another process calls a word or a prompt; what is not printable becomes `?`. */
void output_plain(char *to, size_t size, const char *text);
/* "    ^" under byte `column` (1-based) of a line that was shown behind `indent` columns. */
void output_caret(FILE *file, size_t indent, unsigned column);

#endif
