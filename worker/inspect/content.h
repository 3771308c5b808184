/*
 * content -- the content of a message as its receiver will have it, for the rules that look at it
 *
 * Called by body.c (DATA: dots unstuffed, line ends made lawful) and bdat.c (the octets as they
 * are; a line ends at LF there too) in stream order, and only when policy->needs is not 0.
 * Follows header block, body and MIME parts (RFC 5322 2.2, RFC 2045, RFC 2046): names of fields
 * count only where a line begins.  Nothing here changes an octet.
 *
 * A header block ends at its first empty line; what stands before that is header, lawful or not.
 * Lines of the message's own header are header lines, all others body lines.  `match not` on a
 * length of lines is judged once, at the end of the header or of the content, by its longest
 * line.  The name of a part is judged once, at the end of its header, by the longest that any of its
 * fields may give.
 *
 * Readers differ in where parts begin.  A boundary before the empty line does not end a header, but
 * begins a part's; a CR alone, which a chunk may hold, ends a line for some readers and not for others:
 * names are found for both.
 */
#ifndef INSPECT_CONTENT_H
#define INSPECT_CONTENT_H

#include "worker/inspect/output.h"

/* The next octet is the first of a message. */
void content_begin(struct inspect *state);
/* Looks at octets.  Returns how many may pass: less than `length` means that build->refusal, a
 * rule, refuses the message at that octet, the same however the content is cut. */
size_t content_take(struct builder *build, const uint8_t *octets, size_t length);
/* The content is complete.  False: build->refusal refuses it. */
bool content_end(struct builder *build);

#endif
