/*
 * mime -- what MIME fields and boundary lines mean for the structure of a message (RFC 2045, 2046)
 *
 * Works on what content.c has collected in extra.field.  Up to CONTENT_BOUNDARIES nested multiparts
 * are followed; deeper ones are body.
 */
#ifndef INSPECT_MIME_H
#define INSPECT_MIME_H

#include "worker/inspect/output.h"

/* A header field is complete: learns of multiparts and messages in it, and asks the rules about its
 * file names.  False: build->refusal refuses it. */
bool mime_take_field(struct builder *build);
/* A line that began with '-' is complete.  True: it was a boundary of a multipart that is open, and
 * *ret_closed says whether it has ended it; otherwise a part's header follows. */
bool mime_take_line(struct inspect *state, bool *ret_closed);

#endif
