/*
 * reply -- one SMTP reply out of a stream (RFC 5321 4.2)
 *
 * Strict: three digits, the same code on each line, '-' or SP after it, CRLF at each end, at most
 * REPLY_MAX bytes.  Texts point into the bytes given.
 */
#ifndef TESTS_TOOLS_REPLY_H
#define TESTS_TOOLS_REPLY_H

#include <stddef.h>

#define REPLY_MAX 16384u

struct reply {
	unsigned code;
	unsigned lines;
	const char *text; /* of the last line, without CRLF */
	size_t text_length;
};

/* Length of the reply that begins at bytes[0]; 0: not complete yet; -1: not a reply. */
long reply_parse(const char *bytes, size_t length, struct reply *ret_reply);

#endif
