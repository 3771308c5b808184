/*
 * reply_effect -- how the server's reply to a command moves the session
 *
 * The only place where the state of the mail transaction moves on, apart from its clearing.
 */
#ifndef INSPECT_REPLY_EFFECT_H
#define INSPECT_REPLY_EFFECT_H

#include "worker/inspect/ledger.h"
#include "worker/inspect/reply.h"

/* Whether a reply of that code can be an answer to the command at all. */
bool reply_effect_is_legal(const struct ledger_entry *entry, unsigned code);
/* Applies it; the reply was written to the client already. */
void reply_effect(struct builder *build, const struct ledger_entry *entry,
    const struct reply *reply, const uint8_t *bytes);

#endif
