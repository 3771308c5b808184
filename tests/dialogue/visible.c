#include "tests/dialogue/visible.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUN_MIN 16u /* shorter runs are written out */

static void
visible_reserve(struct visible *text, size_t more)
{
	size_t need = text->length + more + 1;

	if (need <= text->capacity)
		return;
	size_t capacity = text->capacity ? text->capacity : 256;
	while (capacity < need)
		capacity *= 2;
	text->data = realloc(text->data, capacity);
	if (!text->data)
		abort();
	text->capacity = capacity;
}

void
visible_done(struct visible *text)
{
	free(text->data);
	*text = (struct visible){0};
}

void
visible_clear(struct visible *text)
{
	text->length = 0;
	if (text->data)
		text->data[0] = '\0';
}

void
visible_raw(struct visible *text, const void *bytes, size_t length)
{
	visible_reserve(text, length);
	if (length)
		memcpy(text->data + text->length, bytes, length);
	text->length += length;
	text->data[text->length] = '\0';
}

void
visible_format(struct visible *text, const char *format, ...)
{
	va_list list;
	char *formatted;

	va_start(list, format);
	int length = vasprintf(&formatted, format, list);
	va_end(list);
	if (length < 0)
		abort();
	visible_raw(text, formatted, (size_t)length);
	free(formatted);
}

static void
visible_byte(struct visible *text, uint8_t byte)
{
	switch (byte) {
	case '\r':
		visible_raw(text, "\\r", 2);
		break;
	case '\n':
		visible_raw(text, "\\n", 2);
		break;
	case '\t':
		visible_raw(text, "\\t", 2);
		break;
	case '\0':
		visible_raw(text, "\\0", 2);
		break;
	case '\\':
		visible_raw(text, "\\\\", 2);
		break;
	default:
		if (byte >= 0x20 && byte < 0x7f)
			visible_raw(text, &byte, 1);
		else
			visible_format(text, "\\x%02x", byte);
	}
}

void
visible_bytes(struct visible *text, const void *bytes, size_t length)
{
	const uint8_t *byte = bytes;

	for (size_t i = 0; i < length;) {
		size_t run = 1;
		while (i + run < length && byte[i + run] == byte[i])
			run++;
		if (run >= RUN_MIN) {
			visible_format(text, "\\{%zu}", run);
			visible_byte(text, byte[i]);
		} else {
			for (size_t k = 0; k < run; k++)
				visible_byte(text, byte[i]);
		}
		i += run;
	}
}

void
visible_lines(struct visible *text, const char *lead, const void *bytes, size_t length)
{
	const uint8_t *byte = bytes;

	while (length) {
		const uint8_t *feed = memchr(byte, '\n', length);
		size_t part = feed ? (size_t)(feed - byte) + 1 : length;
		visible_raw(text, lead, strlen(lead));
		visible_bytes(text, byte, part);
		visible_raw(text, "\n", 1);
		byte += part;
		length -= part;
	}
}
