/*
 * mime_boundary -- the boundaries of a message's multiparts, and the lines that hold one
 *
 * Readers differ in which of two boundaries they take, whether one ends with the multipart that it
 * belongs to, and whether more may stand behind it on its line (RFC 2046 5.1.1 lets it).  So all that a
 * message has named are kept to its end, as hashes, and a line is a boundary if it begins with any.
 * Of a longer one the first CONTENT_BOUNDARY_MAX octets count.  When there is no room for one more,
 * every line that begins with two dashes counts.
 */
#ifndef INSPECT_MIME_BOUNDARY_H
#define INSPECT_MIME_BOUNDARY_H

#include "worker/inspect/state.h"

#define MIME_BOUNDARY_LINE (CONTENT_BOUNDARY_MAX + 4u) /* octets of a line that matter */

enum mime_line {
	MIME_LINE_TEXT,
	MIME_LINE_PART,	  /* a part begins */
	MIME_LINE_DIGEST, /* ... that is a message, if its header does not say otherwise */
	MIME_LINE_CLOSE,  /* a multipart has ended */
};

void mime_boundary_add(
    struct content_extra *extra, const uint8_t *text, size_t length, bool digest);
/* A boundary that is not known: every line that begins with two dashes counts from here on. */
void mime_boundary_add_any(struct content_extra *extra);
/* A line, or its first MIME_BOUNDARY_LINE octets. */
enum mime_line mime_boundary_match(
    const struct content_extra *extra, const uint8_t *line, size_t length);
/* The boundaries hold what the functions above have put there. */
bool mime_boundary_check(const struct content_extra *extra);

#endif
