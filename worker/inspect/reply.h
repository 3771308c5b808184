/*
 * reply -- one whole reply of the server (RFC 5321 4.2)
 *
 * A reply is taken whole or not at all, so the client never holds a part of one when the session
 * must end.  A bare LF is taken for the end of a line, and written as CRLF.
 */
#ifndef INSPECT_REPLY_H
#define INSPECT_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLY_LINE_MAX	    1024u  /* RFC 5321 4.5.3.1.5 says 512; servers are not that exact */
#define REPLY_CHALLENGE_MAX 12288u /* of a 334 (RFC 4954 4) */
#define REPLY_LINES_MAX	    128u
#define REPLY_REWRITE_MAX   2000u /* of a reply that must be written anew */

enum reply_scan { REPLY_PARTIAL, REPLY_WHOLE, REPLY_BAD };

struct reply {
	unsigned code;
	unsigned lines;
	size_t length;	     /* in octets, with all line ends */
	bool clean;	     /* can go to the client as it came */
	const char *problem; /* REPLY_BAD: what is wrong, for the log */
	size_t problem_length;
};

struct reply_line {
	const uint8_t *text; /* behind the code and its separator */
	size_t length;
	const uint8_t *next; /* the line behind */
};

/* Looks at the bytes of the server. */
enum reply_scan reply_scan(struct reply *reply, const uint8_t *bytes, size_t length);
/* The line that begins at `at`, of a reply that reply_scan() has found whole. */
void reply_line(struct reply_line *line, const uint8_t *at, const uint8_t *end);

#endif
