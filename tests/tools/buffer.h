/*
 * buffer -- a queue of bytes on the heap that gives its memory back when it is empty
 *
 * Thousands of idle sessions hold none.  Out of memory ends the program: these are test tools.
 */
#ifndef TESTS_TOOLS_BUFFER_H
#define TESTS_TOOLS_BUFFER_H

#include <stddef.h>

struct buffer {
	char *bytes;
	size_t start;
	size_t length;
	size_t size;
};

void buffer_add(struct buffer *buffer, const char *bytes, size_t length);
__attribute__((format(printf, 2, 3))) void buffer_print(
    struct buffer *buffer, const char *format, ...);
void buffer_take(struct buffer *buffer, size_t length);
void buffer_free(struct buffer *buffer);

static inline const char *
buffer_bytes(const struct buffer *buffer)
{
	return buffer->bytes + buffer->start;
}

#endif
