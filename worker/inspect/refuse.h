/*
 * refuse -- the content of a message is refused
 *
 * DATA cannot be taken back, and a dot would deliver: nothing more goes to the server, its leg is
 * closed without an end of data, so that it discards what it has; what is held never leaves; the
 * rest of the content is dropped within bounds, and its end answered; then every command but QUIT
 * gets 421.
 *
 * BDAT: what is held never leaves and the rest of the chunk is swallowed, or, when the chunk was
 * announced to the server, it is completed; the transaction is ended at the server by a RSET of
 * the gateway's own, and the session goes on.  A last chunk is announced as last only when all of
 * it was judged (bdat.h), so completing it delivers nothing.
 */
#ifndef INSPECT_REFUSE_H
#define INSPECT_REFUSE_H

#include "worker/inspect/output.h"
#include "worker/inspect/own_reply.h"

#define REFUSE_DRAIN_MAX (UINT64_C(64) << 20) /* octets of refused content that are dropped */

/* `rule` is RULE_NONE where no match line has asked for it; otherwise `reply` is OWN_RULE or
 * OWN_RULE_DROP, and INSPECT_ACTION_RESET ends both legs at once.  Says the event only for what
 * is no rule's (rule.h has said it otherwise). */
void refuse_content(struct builder *build, enum own_reply reply, uint8_t rule);
/* The same in the name of build->refusal, as its action says. */
void refuse_by_rule(struct builder *build);
/* The content that was refused, or has lost its server, has come to its end: answers it, unless the
 * server had. */
void refuse_drained(struct builder *build);
/* A chunk is missing from the transaction: ends that here, and at the server by a RSET; chunks that
 * follow are refused until the client begins anew. */
void refuse_transaction(struct builder *build);
/* The RSET alone. */
void refuse_reset_server(struct builder *build);

#endif
