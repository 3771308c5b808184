/*
 * mime_name -- the file names that a Content-Type or Content-Disposition field may give
 *
 * Readers differ, and what one of them takes for the name is what counts.  So every plausible one
 * is given: as it stands; with its encoded words decoded, though RFC 2047 5 forbids them there; by
 * RFC 2231, single or in continuations in any order and with gaps; of `name` and `filename`, of
 * each that stands there twice; with the quote that ends it missing, or without quotes to the
 * semicolon; and all of it once more when the whole value is an encoded word.
 */
#ifndef INSPECT_MIME_NAME_H
#define INSPECT_MIME_NAME_H

#include <stddef.h>
#include <stdint.h>

/* Calls take() with each candidate; `value` is the field's, unfolded, behind the colon. */
void mime_name_each(const uint8_t *value, size_t length,
    void (*take)(void *context, const uint8_t *name, size_t length), void *context);
/* The same for the values of another parameter. */
void mime_parameter_each(const uint8_t *value, size_t length, const char *parameter,
    void (*take)(void *context, const uint8_t *text, size_t length), void *context);

#endif
