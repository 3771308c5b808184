#include "worker/inspect/mime_decode.h"

#include <string.h>

static unsigned
hex_value(uint8_t c)
{
	unsigned letter = (unsigned)(c | 0x20) - 'a';

	if ((unsigned)c - '0' < 10)
		return (unsigned)c - '0';
	return letter < 6 ? letter + 10 : 16;
}

/* A sign and two hexadecimal digits at `text`. */
static bool
is_escape(const uint8_t *text, size_t length, uint8_t sign)
{
	return length >= 3 && text[0] == sign && hex_value(text[1]) < 16 && hex_value(text[2]) < 16;
}

size_t
mime_decode_percent(uint8_t *to, const uint8_t *text, size_t length)
{
	size_t out = 0;

	for (size_t i = 0; i < length; i++) {
		if (is_escape(text + i, length - i, '%')) {
			to[out++] = (uint8_t)(hex_value(text[i + 1]) << 4 | hex_value(text[i + 2]));
			i += 2;
		} else {
			to[out++] = text[i];
		}
	}
	return out;
}

/* The "Q" encoding (RFC 2047 4.2). */
static size_t
decode_q(uint8_t *to, const uint8_t *text, size_t length)
{
	size_t out = 0;

	for (size_t i = 0; i < length; i++) {
		if (is_escape(text + i, length - i, '=')) {
			to[out++] = (uint8_t)(hex_value(text[i + 1]) << 4 | hex_value(text[i + 2]));
			i += 2;
		} else {
			to[out++] = text[i] == '_' ? ' ' : text[i];
		}
	}
	return out;
}

static unsigned
base64_value(uint8_t c)
{
	if ((unsigned)c - 'A' < 26)
		return (unsigned)c - 'A';
	if ((unsigned)c - 'a' < 26)
		return (unsigned)c - 'a' + 26;
	if ((unsigned)c - '0' < 10)
		return (unsigned)c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : 64;
}

/* The "B" encoding; what is no digit of it is passed over. */
static size_t
decode_b(uint8_t *to, const uint8_t *text, size_t length)
{
	uint32_t bits = 0;
	unsigned count = 0;
	size_t out = 0;

	for (size_t i = 0; i < length; i++) {
		unsigned value = base64_value(text[i]);
		if (value == 64)
			continue;
		bits = bits << 6 | value;
		count += 6;
		if (count >= 8) {
			count -= 8;
			to[out++] = (uint8_t)(bits >> count);
		}
	}
	return out;
}

struct encoded_word {
	size_t length; /* of the whole, 0: there is none */
	bool endless;  /* ... because no "?=" follows at all: so none does for later ones */
	const uint8_t *text;
	size_t text_length;
	uint8_t encoding;
	enum mime_charset charset;
};

static const uint8_t *
find(const uint8_t *text, const uint8_t *end, uint8_t byte)
{
	return text < end ? memchr(text, byte, (size_t)(end - text)) : NULL;
}

/* "=?" charset "?" encoding "?" text "?=" at `text` (RFC 2047 2). */
static struct encoded_word
read_word(const uint8_t *text, size_t length)
{
	const uint8_t *end = text + length;
	struct encoded_word word = {0};

	if (length < 2 || text[0] != '=' || text[1] != '?')
		return word;
	const uint8_t *set = find(text + 2, end, '?');
	if (!set || end - set < 3 || set[2] != '?')
		return word;
	word.charset = mime_charset_find(text + 2, (size_t)(set - text) - 2);
	word.encoding = set[1] | 0x20;
	if (word.encoding != 'b' && word.encoding != 'q')
		return word;
	word.text = set + 3;
	for (const uint8_t *at = find(word.text, end, '?'); at; at = find(at + 1, end, '?')) {
		if (end - at < 2 || at[1] != '=')
			continue;
		word.text_length = (size_t)(at - word.text);
		word.length = (size_t)(at - text) + 2;
		return word;
	}
	word.endless = true;
	return word;
}

/* Digits and nothing else, made up to whole groups of four. */
static bool
is_base64(const uint8_t *text, size_t length)
{
	size_t digits = length;

	while (digits && length - digits < 2 && text[digits - 1] == '=')
		digits--;
	for (size_t i = 0; i < digits; i++)
		if (base64_value(text[i]) == 64 || text[i] == '-' || text[i] == '_')
			return false;
	return length > 0 && length % 4 == 0;
}

static bool
is_quoted(const uint8_t *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] <= ' ' || text[i] > '~' || text[i] == '?' ||
		    (text[i] == '=' && !is_escape(text + i, length - i, '=')))
			return false;
	return length > 0;
}

/* As RFC 2047 2 has it, but for its length, and in a character set that readers know. */
static bool
is_sure(const struct encoded_word *word)
{
	return word->charset != MIME_CHARSET_UNKNOWN &&
	       (word->encoding == 'b' ? is_base64(word->text, word->text_length)
				      : is_quoted(word->text, word->text_length));
}

static bool
is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t
decode_word(uint8_t *to, const struct encoded_word *word)
{
	return word->encoding == 'b' ? decode_b(to, word->text, word->text_length)
				     : decode_q(to, word->text, word->text_length);
}

struct mime_words
mime_decode_words(uint8_t *to, const uint8_t *text, size_t length)
{
	struct mime_words words = {.sure = true, .charset = MIME_CHARSET_UTF8};
	size_t spaces = 0;
	bool behind = false; /* nothing but white space since an encoded word */
	bool more = true;

	for (size_t i = 0; i < length;) {
		struct encoded_word word = {0};
		if (more)
			word = read_word(text + i, length - i);
		more = more && !word.endless;
		if (word.length == 0) {
			spaces = behind && is_space(text[i]) ? spaces + 1 : 0;
			behind = behind && is_space(text[i]);
			to[words.length++] = text[i++];
			continue;
		}
		if (behind)
			words.length -= spaces;
		words.length += decode_word(to + words.length, &word);
		words.sure &= is_sure(&word);
		if (word.charset != MIME_CHARSET_UTF8)
			words.charset = MIME_CHARSET_OCTETS;
		i += word.length;
		words.any = behind = true;
		spaces = 0;
	}
	return words;
}
