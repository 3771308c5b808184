/*
 * mime_parameter -- the parameters of a MIME field that matter here, as any reader may find them
 *
 * Readers differ in where a parameter begins and ends, so nothing that stands before it decides:
 * one begins wherever its name and '=' stand at the start of a word, within quotes and comments
 * too; its value is what the quotes hold that open it, also when they do not end, and what stands
 * up to the semicolon.  Only the first of several in one such section reaches to the semicolon, the
 * others end with their word: that bounds the work, and the first is the longest.
 */
#ifndef INSPECT_MIME_PARAMETER_H
#define INSPECT_MIME_PARAMETER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mime_parameter_name { MIME_PARAMETER_FILENAME, MIME_PARAMETER_NAME, MIME_PARAMETER_BOUNDARY };

#define MIME_PARAMETER_SINGLE UINT32_MAX

struct mime_parameter {
	enum mime_parameter_name name;
	uint32_t index; /* of a continuation (RFC 2231 3); MIME_PARAMETER_SINGLE: it is none */
	bool extended;	/* with a character set and percent signs (RFC 2231 4) */
	bool
	    given; /* its '=' is there; otherwise it may come, behind a comment or the text's end */
	size_t begin, end;    /* of all of it in the text; to the end of that if it is not given */
	const uint8_t *plain; /* as it stands, up to the semicolon */
	size_t plain_length;
	const uint8_t *quoted; /* behind its first quote; NULL: it has none */
	size_t quoted_length;  /* without the quote that ends it */
	bool odd; /* the quote does not end, or something follows it: a reader may show `plain` */
};

struct mime_parameter_search {
	const uint8_t *text;
	size_t length;
	size_t at;  /* behind the last one found; 0 at first */
	bool later; /* another one stands in this section already */
};

/* The next one.  False: there is none. */
bool mime_parameter_next(
    struct mime_parameter_search *search, struct mime_parameter *ret_parameter);
/* Without its backslashes (RFC 5322 3.2.4); `to` has room for the quoted length. */
size_t mime_parameter_unquote(uint8_t *to, const uint8_t *text, size_t length);

#endif
