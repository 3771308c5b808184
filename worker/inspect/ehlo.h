/*
 * ehlo -- the server's answer to EHLO, built anew (RFC 5321 4.1.1.1)
 *
 * What the client is shown is what the server offers, the core knows, and the policy permits.
 */
#ifndef INSPECT_EHLO_H
#define INSPECT_EHLO_H

#include "worker/inspect/output.h"
#include "worker/inspect/reply.h"

/* Consumes the reply and writes the new one; remembers what was shown. */
void ehlo_rewrite(struct builder *build, const struct reply *reply, const uint8_t *bytes);
/* Remembers what the server offers; nothing is consumed. */
void ehlo_remember(struct inspect *state, const struct reply *reply, const uint8_t *bytes);
/* The 2yz answer to HELO, with the gateway's name in place of the server's. */
void ehlo_rewrite_helo(struct builder *build, const struct reply *reply);
/* The extensions that the policy lets be shown: bit = enum inspect_extension. */
uint64_t ehlo_permitted(const struct inspect_policy *policy);
/* Whether the policy hides the server's name. */
bool ehlo_hides_name(const struct inspect_policy *policy);

#endif
