#include "tests/tools/buffer.h"

#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 1024u

static void
buffer_grow(struct buffer *buffer, size_t length)
{
	size_t size = buffer->size == 0 ? FIRST_SIZE : buffer->size;

	if (buffer->start > 0) {
		memmove(buffer->bytes, buffer->bytes + buffer->start, buffer->length);
		buffer->start = 0;
	}
	while (size < buffer->length + length)
		size *= 2;
	if (size == buffer->size)
		return;
	buffer->bytes = realloc(buffer->bytes, size);
	if (buffer->bytes == NULL)
		err(1, "buffer of %zu bytes", size);
	buffer->size = size;
}

void
buffer_add(struct buffer *buffer, const char *bytes, size_t length)
{
	if (length == 0)
		return;
	if (buffer->start + buffer->length + length > buffer->size)
		buffer_grow(buffer, length);
	memcpy(buffer->bytes + buffer->start + buffer->length, bytes, length);
	buffer->length += length;
}

void
buffer_print(struct buffer *buffer, const char *format, ...)
{
	char text[1024];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= sizeof(text))
		errx(1, "line too long: %.60s...", text);
	buffer_add(buffer, text, (size_t)length);
}

void
buffer_take(struct buffer *buffer, size_t length)
{
	buffer->start += length;
	buffer->length -= length;
	if (buffer->length == 0)
		buffer_free(buffer);
}

void
buffer_free(struct buffer *buffer)
{
	free(buffer->bytes);
	*buffer = (struct buffer){0};
}
