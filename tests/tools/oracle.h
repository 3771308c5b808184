/*
 * oracle -- test messages that can be recomputed from their key
 *
 * A message is named by a key (seed of the run, connection, message) and a size.  Both ends make
 * its content from these alone: the source to send it, the sink to check every byte of it.  The
 * content is a header with the key, and a body of text lines: empty ones, lines of dots, lines
 * with a leading dot, lines of 998 bytes and some far longer, 8-bit lines.  Each longer line
 * begins with a tag made from key and line number, so that no two lines are alike.
 *
 * Content is what is delivered: CRLF at each line's end, no dot-stuffing, no final dot.
 * No heap; any number of oracles at once; single-threaded.
 */
#ifndef TESTS_TOOLS_ORACLE_H
#define TESTS_TOOLS_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ORACLE_SIZE_MIN	 256u
#define ORACLE_KEY_TEXT	 36u	/* "0123456789abcdef-00000001-00000002" and NUL */
#define ORACLE_SPANS	 3u	/* a line: what is its own, a slice of a common table, CRLF */
#define ORACLE_LINE_LONG 20000u /* no line is longer, without its CRLF */

struct oracle_key {
	uint64_t seed;
	uint32_t connection;
	uint32_t message;
};

struct oracle_span {
	const char *bytes;
	size_t length;
};

struct oracle {
	struct oracle_key key;
	uint64_t size;
	uint64_t made; /* bytes of the lines handed out so far, the current one included */
	uint64_t random;
	uint32_t line;
	char own[128]; /* the part of the current line that no other has */
	struct oracle_span span[ORACLE_SPANS];
	/* Where oracle_check() stands in the current line. */
	unsigned at_span;
	size_t at_byte;
	uint64_t checked;
};

/* Size is raised to ORACLE_SIZE_MIN. */
void oracle_begin(struct oracle *oracle, const struct oracle_key *key, uint64_t size);

/* The next line is in oracle->span[]; false: the message is complete. */
bool oracle_next_line(struct oracle *oracle);

/* Compares the next `length` bytes of content; false at the first difference, whose offset is
 * then in oracle->checked.  Not to be mixed with oracle_next_line(). */
bool oracle_check(struct oracle *oracle, const char *bytes, size_t length);
bool oracle_complete(const struct oracle *oracle);

void oracle_key_print(const struct oracle_key *key, char text[ORACLE_KEY_TEXT]);
bool oracle_key_parse(const char *text, size_t length, struct oracle_key *ret_key);

/* The first header line, which names the message: "X-Oracle: KEY SIZE". */
bool oracle_header_parse(
    const char *line, size_t length, struct oracle_key *ret_key, uint64_t *ret_size);

/* One step of the generator (splitmix64), for whoever needs reproducible randomness. */
uint64_t oracle_random(uint64_t *state);

#endif
