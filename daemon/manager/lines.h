/*
 * lines -- a bounded list of text lines: a configuration on its way to or from a file
 *
 * Heap; the owner calls lines_free().  lines_add() returns false when the line is longer than
 * LINES_LENGTH_MAX, holds NUL or line ends, or the list is full, and then sets `overflow`.
 */
#ifndef DAEMON_MANAGER_LINES_H
#define DAEMON_MANAGER_LINES_H

#include <stdbool.h>
#include <stddef.h>

#define LINES_MAX	  8192u
#define LINES_BYTES_MAX	  (1u << 20)
#define LINES_LENGTH_MAX  1024u
#define LINES_DIGEST_SIZE 32u

struct lines {
	char **line;
	size_t count;
	size_t room;
	size_t bytes; /* of all lines with one line end each */
	bool overflow;
};

void lines_init(struct lines *lines);
void lines_free(struct lines *lines);
bool lines_add(struct lines *lines, const char *text);

/* Adds the lines of a text, each with '\n' behind it, which is cut up. False: lines that no list has. */
bool lines_split(struct lines *lines, char *text);

/* SHA-256 over all lines, each with '\n' behind it; false: no memory. */
bool lines_digest(const struct lines *lines, unsigned char digest[LINES_DIGEST_SIZE]);
void lines_digest_hex(const unsigned char digest[LINES_DIGEST_SIZE], char hex[65]);
/* The other way; what stands behind the digits is the caller's matter.  False: they are others, or too few. */
bool lines_digest_unhex(const char *hex, unsigned char ret_digest[LINES_DIGEST_SIZE]);

#endif
