/*
 * text -- a growing text with a bound
 *
 * What does not fit under `most` is left out and `overflow` is set; nothing already there is
 * lost.  Heap; the owner calls text_free().  After a failed allocation it behaves as if full.
 */
#ifndef DAEMON_MANAGER_TEXT_H
#define DAEMON_MANAGER_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *data; /* with a NUL behind it; NULL while empty */
	size_t length;
	size_t size;
	size_t most;
	bool overflow;
};

void text_init(struct text *text, size_t most);
void text_free(struct text *text);
void text_clear(struct text *text); /* keeps the memory */
const char *text_string(const struct text *text);

void text_add(struct text *text, const void *bytes, size_t length);
void text_add_string(struct text *text, const char *string);
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Untrusted bytes: everything but printable ASCII, and the backslash, as \xNN; at most `most` bytes
 * of output, an ellipsis "..." included when something was cut. */
void text_add_escaped(struct text *text, const void *bytes, size_t length, size_t most);

#endif
