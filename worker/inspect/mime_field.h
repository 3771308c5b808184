/*
 * mime_field -- a header field as it is collected to be read as a whole
 *
 * Unfolded, without its last line end, in extra.field, which is large enough for every real one.  Of
 * a larger Content-Type or Content-Disposition what says nothing is left out, so that names and
 * boundaries are found wherever they stand; what can't be left out and has no room is counted in
 * extra.field_lost.  Other fields are given up.
 */
#ifndef INSPECT_MIME_FIELD_H
#define INSPECT_MIME_FIELD_H

#include "worker/inspect/state.h"

enum mime_field { MIME_FIELD_OTHER, MIME_FIELD_TYPE, MIME_FIELD_DISPOSITION };

/* More of the field (CONTENT_FIELD).  False: it is one that nobody asks for, and need not go on. */
bool mime_field_add(struct content_extra *extra, const uint8_t *octets, size_t length);
/* Which field a text begins, and its value behind the colon and white space, empty at most. */
enum mime_field mime_field_which(
    const uint8_t *text, size_t length, const uint8_t **ret_value, size_t *ret_length);

#endif
