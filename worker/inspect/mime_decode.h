/*
 * mime_decode -- octets out of encoded words and percent signs, as a lenient reader takes them
 *
 * Nothing is refused: what is not well encoded stands for itself.  The output is never longer than
 * the input.  Character sets are not converted.
 */
#ifndef INSPECT_MIME_DECODE_H
#define INSPECT_MIME_DECODE_H

#include "worker/inspect/mime_charset.h"

#include <stdbool.h>

struct mime_words {
	size_t length; /* decoded */
	bool any;      /* there was one */
	bool sure;     /* each is such that every reader that decodes at all decodes it */
	enum mime_charset charset; /* of all of the text */
};

/* Decodes every encoded word (RFC 2047 2), wherever it stands, and leaves out white space between two
 * of them; `to` has room for `length`. */
struct mime_words mime_decode_words(uint8_t *to, const uint8_t *text, size_t length);
/* %XX (RFC 2231 4). */
size_t mime_decode_percent(uint8_t *to, const uint8_t *text, size_t length);

#endif
