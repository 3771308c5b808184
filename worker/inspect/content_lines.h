/*
 * content_lines -- the lengths of lines of content, for the rules that ask about them
 *
 * Called by content.c only, with every octet in stream order.  state->column counts the octets of the
 * line under way, its CR among them; where no rule asks about body lines it only says whether there
 * is one.  A line ends at LF, and its length is without line end.
 */
#ifndef INSPECT_CONTENT_LINES_H
#define INSPECT_CONTENT_LINES_H

#include "worker/inspect/output.h"

/* Octets within one line, without its LF.  Returns how many may pass: fewer than all where build->refusal
 * refuses the next. */
size_t content_lines_part(struct builder *build, const uint8_t *octets, size_t length);
/* Octets of a body, over any number of lines; the same. */
size_t content_lines_body(struct builder *build, const uint8_t *octets, size_t length);
/* The last octet that was taken, where not content_lines_body() has taken it. */
void content_lines_note_cr(struct inspect *state, uint8_t last);
/* LF ends the line. */
void content_lines_end(struct inspect *state);
/* `match not`: header or content are over.  False: build->refusal refuses them. */
bool content_lines_judge(struct builder *build);

#endif
