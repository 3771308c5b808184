/*
 * sync_reason -- why something between the two hosts of a pair was refused
 *
 * One list (sync_reason.def) for the stream, its messages and the conversation, so that a refusal
 * can be told to the other host and to people by the same words.  Pure.
 */
#ifndef PROTO_SYNC_REASON_H
#define PROTO_SYNC_REASON_H

#include <stdint.h>

enum sync_reason {
	SYNC_GOOD = 0,
#define SYNC_REASON(number, name, text) SYNC_BAD_##name = (number),
#include "proto/sync_reason.def"
#undef SYNC_REASON
};

#define SYNC_REASON_MAX 65535u

/* Never NULL: a later version may have reasons that this one does not know. */
const char *sync_reason_text(uint32_t reason);

#endif
