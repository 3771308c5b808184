/*
 * visible -- growing text, and bytes made readable in it
 *
 * Test programs only: runs out of memory by abort().
 */
#ifndef TESTS_DIALOGUE_VISIBLE_H
#define TESTS_DIALOGUE_VISIBLE_H

#include <stddef.h>

struct visible {
	char *data; /* NUL-terminated once anything was added */
	size_t length;
	size_t capacity;
};

void visible_done(struct visible *text);
void visible_clear(struct visible *text);
void visible_raw(struct visible *text, const void *bytes, size_t length);
void visible_format(struct visible *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Escapes as in a script: \r \n \t \0 \\ \xNN, and \{N}X for 16 or more equal bytes. */
void visible_bytes(struct visible *text, const void *bytes, size_t length);
/* One line for each line feed of `bytes`, each begun with `lead`. */
void visible_lines(struct visible *text, const char *lead, const void *bytes, size_t length);

#endif
