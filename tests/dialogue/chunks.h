/*
 * chunks -- the observer's reading of BDAT (RFC 3030), naive and apart from the core's
 *
 * Reads the client's chunks out of its own bytes, framed by nothing but the sizes in its commands,
 * and holds against them what the server is sent:
 *   - each chunk of the server's is one of the client's, octet by octet, in the client's order
 *   - the first of a transaction is the client's first behind a MAIL, the others follow without a
 *     hole: so no message lacks a piece of what the client has sent
 *   - a chunk is the last only if the client's was; LAST may also follow a last chunk that was
 *     announced without it, as "BDAT 0 LAST"
 * A function that returns a text has found a fault.
 */
#ifndef TESTS_DIALOGUE_CHUNKS_H
#define TESTS_DIALOGUE_CHUNKS_H

#include "tests/dialogue/visible.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client_chunk {
	uint64_t size;
	bool last;
	bool first; /* behind a MAIL */
	struct visible octets;
};

struct chunks {
	struct client_chunk *chunk;
	size_t count, capacity;
	struct visible line; /* the client's unfinished one */
	uint64_t client_left;
	bool begun; /* a MAIL has come, no chunk since */
	/* Of the server's transaction: */
	bool over;	   /* it has ended, but for the chunk under way */
	bool unknown;	   /* nobody knows whether it began with its first chunk */
	size_t start;	   /* which of the client's its first chunk is, as far as is known */
	size_t count_sent; /* chunks that are complete */
	uint64_t *sent;	   /* their sizes, and that of the chunk under way */
	size_t sent_capacity;
	struct visible octets; /* of all of them */
	uint64_t server_size, server_left;
	bool last; /* the chunk under way was announced as the last */
	bool owed; /* the LAST of the client's last chunk has not come yet */
};

void chunks_done(struct chunks *chunks);
/* A byte of the client that stands where commands, or octets of a chunk, do; true when it has
 * ended a line. */
bool chunks_client_byte(struct chunks *chunks, uint8_t byte);
/* A BDAT command of the server's with its CRLF; sets `server_left` and `last`.  When nobody knows
 * whether a transaction goes on, the chunk may be any. */
const char *chunks_server_command(
    struct chunks *chunks, const char *line, size_t length, bool unknown);
/* An octet of the server's chunk: there is one to come. */
const char *chunks_server_octet(struct chunks *chunks, uint8_t byte);
/* A transaction begins or ends at the server. */
void chunks_clear(struct chunks *chunks);
/* A chunk has come in the server's transaction. */
bool chunks_any(const struct chunks *chunks);

#endif
