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
	size_t room = text->size - text->length;
	va_list arguments;

	/* Most often it fits into what is there already. */
	va_start(arguments, format);
	int length =
	    vsnprintf(room > 0 ? text->data + text->length : NULL, room, format, arguments);
	va_end(arguments);
	if (length <= 0)
		return;
	if ((size_t)length < room && (size_t)length <= text->most - text->length) {
		text->length += (size_t)length;
		return;
	}
	if (!reserve(text, (size_t)length)) {
		if (room > 0)
			text->data[text->length] = '\0';
		return;
	}
	va_start(arguments, format);
	vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
	va_end(arguments);
	text->length += (size_t)length;
}

static bool
is_plain(unsigned char byte)
{
	return byte >= 0x20 && byte < 0x7f && byte != '\\';
}

void
text_add_escaped(struct text *text, const void *bytes, size_t length, size_t most)
{
	static const char ellipsis[] = "...";
	const unsigned char *at = bytes;
	size_t written = 0, run = 0; /* plain bytes before at[i] that are not added yet */

	for (size_t i = 0; i < length; i++) {
		size_t piece = is_plain(at[i]) ? 1 : 4;
		size_t rest = i + 1 < length ? sizeof(ellipsis) - 1 : 0;
		bool full = written + piece + rest > most;

		written += piece;
		if (piece == 1 && !full) {
			run++;
			continue;
		}
		text_add(text, &at[i - run], run);
		run = 0;
		if (full) {
			text_add_string(text, ellipsis);
			return;
		}
		text_printf(text, "\\x%02x", at[i]);
	}
	text_add(text, &at[length - run], run);
}
