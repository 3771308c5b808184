/*
 * banner -- the server's greeting: when the policy shows it, and how
 */
#ifndef INSPECT_BANNER_H
#define INSPECT_BANNER_H

#include "worker/inspect/output.h"
#include "worker/inspect/reply.h"

/* Consumes the greeting and writes the masked one; false if it is to go as it came. */
bool banner_rewrite(struct builder *build, const struct reply *reply, const uint8_t *bytes);

/* It waits for the policy's greeting-delay. */
bool banner_is_held(const struct builder *build);
/* The deadline has passed: true, once, if it was the delay's. */
bool banner_fall_due(struct inspect *state);

#endif
