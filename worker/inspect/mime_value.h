/*
 * mime_value -- the values that the parameters of a MIME field may have for one reader or another
 *
 * A field is read as it stands, without its comments (RFC 5322 3.2.2), with its encoded words decoded
 * (whole values have been sent so), and without them then too.  In each reading every parameter that
 * mime_parameter.h finds gives its texts, and continuations (RFC 2231 3) the text that they make in
 * the order of their numbers, across gaps, of each number the longest.
 *
 * Which forms of a name count: what mail readers show.
 *   name*=, name*0*=	decoded by RFC 2231.  The percent signs are shown by nobody: a reader that does
 *			not know RFC 2231 does not know the parameter either.  Only where no character
 *			set is marked off does the text count as it stands, too.
 *   name="=?...?="	decoded by RFC 2047, though RFC 2047 5 forbids it there: nearly all readers do.
 *			Where an encoded word is malformed, or in a character set that is not in
 *			mime_charset.def, some show it as it stands, and both count.
 *   all others		as they stand, with and without their backslashes.
 * So an attachment whose name is short in its reader's window is not long because of its encoding.
 */
#ifndef INSPECT_MIME_VALUE_H
#define INSPECT_MIME_VALUE_H

#include "worker/inspect/mime_parameter.h"

struct mime_text {
	enum mime_parameter_name name;
	const uint8_t *octets;
	size_t length;
	size_t characters; /* mime_charset.h */
	bool shown;	   /* a reader shows it as a name */
	bool bare;	   /* it stands there without quotes that begin and end it */
};

/* Calls take() with each text; `value` is the field's, behind the colon, of CONTENT_FIELD_MAX octets at
 * most.  The work is bounded by the length. */
void mime_value_each(const uint8_t *value, size_t length,
    void (*take)(void *context, const struct mime_text *text), void *context);

/* Calls use() with each reading of the value, the first as it stands. */
void mime_value_readings(const uint8_t *value, size_t length,
    void (*use)(void *context, const uint8_t *value, size_t length), void *context);

#endif
