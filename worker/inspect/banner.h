/*
 * banner -- the server's greeting, as the policy shows it
 */
#ifndef INSPECT_BANNER_H
#define INSPECT_BANNER_H

#include "worker/inspect/output.h"
#include "worker/inspect/reply.h"

/* Consumes the greeting and writes the masked one; false if it is to go as it came. */
bool banner_rewrite(struct builder *build, const struct reply *reply, const uint8_t *bytes);

#endif
