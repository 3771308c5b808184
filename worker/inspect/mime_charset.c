#include "worker/inspect/mime_charset.h"

#include "worker/inspect/command_table.h"

#include <string.h>

static const struct {
	const char *name;
	uint8_t length;
	uint8_t charset; /* enum mime_charset */
} charsets[] = {
#define CHARSET(name, count) {name, sizeof(name) - 1, MIME_CHARSET_##count},
#include "worker/inspect/mime_charset.def"
#undef CHARSET
};

enum mime_charset
mime_charset_find(const uint8_t *name, size_t length)
{
	const uint8_t *language = length ? memchr(name, '*', length) : NULL;

	if (language)
		length = (size_t)(language - name);
	for (size_t i = 0; i < sizeof(charsets) / sizeof(charsets[0]); i++)
		if (charsets[i].length == length && ascii_equal(name, charsets[i].name, length))
			return (enum mime_charset)charsets[i].charset;
	return MIME_CHARSET_UNKNOWN;
}

/* The octets of the character at `text` (RFC 3629 4, surrogates and overlong forms let through: they
 * only make it one character); 0: it is none. */
static size_t
character_length(const uint8_t *text, size_t length)
{
	size_t more = text[0] < 0x80   ? 0
		      : text[0] < 0xc2 ? length
		      : text[0] < 0xe0 ? 1
		      : text[0] < 0xf0 ? 2
		      : text[0] < 0xf5 ? 3
				       : length;

	if (more >= length)
		return 0;
	for (size_t i = 1; i <= more; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	return more + 1;
}

size_t
mime_charset_count(enum mime_charset charset, const uint8_t *text, size_t length)
{
	size_t count = 0, step;

	if (charset != MIME_CHARSET_UTF8)
		return length;
	for (size_t at = 0; at < length; at += step, count++) {
		step = character_length(text + at, length - at);
		if (step == 0)
			return length;
	}
	return count;
}
