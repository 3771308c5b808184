/*
 * bdat -- content in chunks (RFC 3030)
 *
 * A chunk is framed by the number in its command and by nothing else: its octets are never looked
 * through for verbs, dots or line ends, pass unaltered, and are swallowed where the chunk is
 * refused, so that content is never read as commands.
 *
 * A chunk goes to the server only when that has answered all that came before (client.c), and between
 * chunks it gets nothing but what has a place there: so it never reads one as commands.
 *
 * When rules may refuse content, a chunk that the hold has room for is held whole until it was
 * judged.  A larger one that is the last is announced to the server without LAST; when all of it
 * was judged, the gateway adds "BDAT 0 LAST" of its own, whose reply is the client's.
 *
 * The server may answer a chunk with a failure before it has all of it; the client gets that at
 * once, and the rest goes on to the server, who awaits it.
 */
#ifndef INSPECT_BDAT_H
#define INSPECT_BDAT_H

#include "worker/inspect/command_parse.h"
#include "worker/inspect/output.h"

/* A BDAT command line, well formed and permitted or not; `length` with its line end.  A size that
 * cannot be read ends the session, for nobody knows where commands go on; a relayed session then
 * passes as it is. */
void bdat_command(
    struct builder *build, const struct command *command, const uint8_t *line, size_t length);
/* A BDAT command whose size cannot be known, or the beginning of one: drops it, ends the session. */
void bdat_unreadable(struct builder *build, const uint8_t *line, size_t length);
/* A BDAT command that something else has refused, dropped and answered: its chunk is swallowed,
 * and the transaction, from which it is missing, is ended. */
void bdat_refused(
    struct builder *build, const struct command *command, const uint8_t *line, size_t length);
/* Within a chunk (state->chunk): takes what there is; false when it needs more bytes. */
bool bdat_take(struct builder *build, const uint8_t *rest, size_t length);
/* The server is lost within a chunk and nothing but the reply to that is owed to the client: what
 * is left is swallowed and then answered.  False: something else is owed too. */
bool bdat_drain(struct builder *build, enum inspect_ending how);
/* A reply of that code answers the chunk under way, of which the server does not have all. */
bool bdat_is_early(const struct inspect *state);

#endif
