/*
 * mime_charset -- character sets that mail readers know, and how long a text in one is
 *
 * Nothing is converted.  A text in UTF-8 has as many characters as code points; one in any other
 * set counts by its octets, which is never less than a reader shows.
 */
#ifndef INSPECT_MIME_CHARSET_H
#define INSPECT_MIME_CHARSET_H

#include <stddef.h>
#include <stdint.h>

enum mime_charset {
	MIME_CHARSET_UNKNOWN,
	MIME_CHARSET_OCTETS,
	MIME_CHARSET_UTF8, /* US-ASCII too, and what is not labelled */
};

/* By its name, behind which a language may stand (RFC 2231 5). */
enum mime_charset mime_charset_find(const uint8_t *name, size_t length);
/* In characters; a text that is not wholly UTF-8 counts by its octets. */
size_t mime_charset_count(enum mime_charset charset, const uint8_t *text, size_t length);

#endif
