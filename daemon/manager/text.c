#include "daemon/manager/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
text_init(struct text *text, size_t most)
{
	*text = (struct text){.most = most};
}

void
text_free(struct text *text)
{
	free(text->data);
	text_init(text, text->most);
}

void
text_clear(struct text *text)
{
	text->length = 0;
	text->overflow = false;
}

const char *
text_string(const struct text *text)
{
	return text->length == 0 ? "" : text->data;
}

static bool
reserve(struct text *text, size_t more)
{
	if (more > text->most - text->length) {
		text->overflow = true;
		return false;
	}
	size_t needed = text->length + more + 1;
	if (needed <= text->size)
		return true;

	size_t size = text->size == 0 ? 256 : text->size * 2;
	if (size < needed)
		size = needed;
	char *data = realloc(text->data, size);
	if (data == NULL) {
		text->overflow = true;
		return false;
	}
	text->data = data;
	text->size = size;
	return true;
}

void
text_add(struct text *text, const void *bytes, size_t length)
{
	if (length == 0 || !reserve(text, length))
		return;
	memcpy(text->data + text->length, bytes, length);
	text->length += length;
	text->data[text->length] = '\0';
}

void
text_add_string(struct text *text, const char *string)
{
	text_add(text, string, strlen(string));
}

void
text_printf(struct text *text, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	int length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length <= 0 || !reserve(text, (size_t)length))
		return;

	va_start(arguments, format);
	vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
	va_end(arguments);
	text->length += (size_t)length;
}

void
text_add_escaped(struct text *text, const void *bytes, size_t length, size_t most)
{
	static const char ellipsis[] = "...";
	const unsigned char *at = bytes;
	size_t written = 0;

	for (size_t i = 0; i < length; i++) {
		bool plain = at[i] >= 0x20 && at[i] < 0x7f && at[i] != '\\';
		size_t piece = plain ? 1 : 4;
		size_t rest = i + 1 < length ? sizeof(ellipsis) - 1 : 0;

		if (written + piece + rest > most) {
			text_add_string(text, ellipsis);
			return;
		}
		if (plain)
			text_add(text, &at[i], 1);
		else
			text_printf(text, "\\x%02x", at[i]);
		written += piece;
	}
}
