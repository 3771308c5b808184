/*
 * oracle -- test messages that can be recomputed from their name
 *
 * A message is named by a key (seed of the run, connection, message), a size, how its lines end
 * and what is wrong with it.  Both ends make its content from these alone: the source to send it,
 * the sink to check every byte of it.
 *
 * The content is a header whose first line is the name, with folded fields and perhaps that of a
 * multipart message; and a body of text lines: empty ones, lines of dots, lines with a leading
 * dot, lines of 998 bytes and some far longer, 8-bit lines, and between them the heads of MIME
 * parts with file names.  Longer lines begin with a tag made from key and line number, so that no
 * two lines are alike.  A message of less than ORACLE_SIZE_RICH bytes has a short header and no
 * parts.
 *
 * Content is what is delivered: no dot-stuffing, no final dot.
 * No heap; any number of oracles at once; single-threaded.
 */
#ifndef TESTS_TOOLS_ORACLE_H
#define TESTS_TOOLS_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ORACLE_SIZE_MIN	   256u
#define ORACLE_SIZE_RICH   2048u
#define ORACLE_SIZE_LINE   98304u /* a message of this size has room for ORACLE_LONG_LINE */
#define ORACLE_SIZE_HEADER 6000u  /* ... for the others */
#define ORACLE_KEY_TEXT	   36u	  /* "0123456789abcdef-00000001-00000002" and NUL */
#define ORACLE_SPANS	   3u	  /* a line: what is its own, a slice of a common table, its end */

/* Nothing in a message is longer than this, but what makes it offend. */
#define ORACLE_LINE_LONG   20000u
#define ORACLE_HEADER_LONG 998u
#define ORACLE_NAME_LONG   100u

struct oracle_key {
	uint64_t seed;
	uint32_t connection;
	uint32_t message;
};

enum oracle_form {
	ORACLE_TEXT,   /* lines end with CRLF */
	ORACLE_LF,     /* with LF alone: fit for chunks only (RFC 3030) */
	ORACLE_BINARY, /* a header of lines with CRLF, and any octets: for BODY=BINARYMIME only */
	ORACLE_FORMS,
};

enum oracle_offence {
	ORACLE_GOOD,
	ORACLE_LONG_HEADER, /* a header line of more than ORACLE_HEADER_LONG */
	ORACLE_LONG_LINE,   /* in the second half, one of more than ORACLE_LINE_LONG */
	ORACLE_LONG_NAME, /* in the second half, a part with a file name of 2 * ORACLE_NAME_LONG */
	ORACLE_OFFENCES,
};

struct oracle_name {
	struct oracle_key key;
	uint64_t size;
	enum oracle_form form;
	enum oracle_offence offence;
};

struct oracle_span {
	const char *bytes;
	size_t length;
};

struct oracle {
	struct oracle_name name;
	uint64_t made;	   /* bytes of the lines handed out so far, the current one included */
	uint64_t offended; /* the offence lies before this byte; 0: not made yet */
	uint64_t random;
	uint32_t line;
	unsigned stage; /* what the next line is */
	unsigned folds; /* lines that the field under way still has */
	bool multipart;
	bool long_part; /* the part under way has the name that offends */
	char own[128];	/* the part of the current line that no other has */
	struct oracle_span span[ORACLE_SPANS];
	/* Where oracle_check() or oracle_next_piece() stands in the current line. */
	unsigned at_span;
	size_t at_byte;
	uint64_t checked;
};

/* The size is raised to ORACLE_SIZE_MIN. */
void oracle_begin(struct oracle *oracle, const struct oracle_name *name);

/* The next line is in oracle->span[]; false: the message is complete. */
bool oracle_next_line(struct oracle *oracle);

/* The next bytes of content wherever lines end, at most so many; false: the message is complete.
 * Not to be mixed with oracle_next_line() or oracle_check(). */
bool oracle_next_piece(struct oracle *oracle, size_t most, struct oracle_span *ret_piece);

/* Compares the next `length` bytes of content; false at the first difference, whose offset is
 * then in oracle->checked. */
bool oracle_check(struct oracle *oracle, const char *bytes, size_t length);
bool oracle_complete(const struct oracle *oracle);

void oracle_key_print(const struct oracle_key *key, char text[ORACLE_KEY_TEXT]);
bool oracle_key_parse(const char *text, size_t length, struct oracle_key *ret_key);

/* The first header line without its end: "X-Oracle: KEY SIZE FORM OFFENCE". */
bool oracle_header_parse(const char *line, size_t length, struct oracle_name *ret_name);

/* One step of the generator (splitmix64), for whoever needs reproducible randomness. */
uint64_t oracle_random(uint64_t *state);

#endif
