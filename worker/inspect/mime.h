/*
 * mime -- what MIME fields mean for the structure of a message and the names in it (RFC 2045, 2046)
 *
 * Works on what content.c has collected in extra.field.  Where readers differ, what any of them may
 * find counts: every boundary that a Content-Type names, whatever type it names beside it; parts of
 * a multipart/digest and all message/ types as messages, behind whose header another follows.
 */
#ifndef INSPECT_MIME_H
#define INSPECT_MIME_H

#include "worker/inspect/mime_boundary.h"

/* A header field is complete: learns of multiparts and messages in it, and of file names. */
void mime_take_field(struct inspect *state);

#endif
