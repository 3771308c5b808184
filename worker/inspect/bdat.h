/*
 * bdat -- content in chunks (RFC 3030)
 *
 * A chunk is framed by the number in its command and by nothing else: its octets are never looked
 * through for verbs, dots or line ends, pass unaltered, and are swallowed where the chunk is
 * refused, so that content is never read as commands.
 *
 * When rules may refuse content, a chunk that the hold has room for is held whole until it was
 * judged.  A larger one that is the last is announced to the server without LAST; when all of it
 * was judged, the gateway adds "BDAT 0 LAST" of its own, whose reply is the client's.
 */
#ifndef INSPECT_BDAT_H
#define INSPECT_BDAT_H

#include "worker/inspect/command_parse.h"
#include "worker/inspect/output.h"

/* A BDAT command line, well formed and permitted or not; `length` with CRLF.  A number that cannot
 * be read ends the session, for nobody knows where commands go on. */
void bdat_command(
    struct builder *build, const struct command *command, const uint8_t *line, size_t length);
/* PHASE_CHUNK: takes what there is; false when it needs more bytes or the chunk is complete. */
bool bdat_take(struct builder *build, const uint8_t *rest, size_t length);

#endif
