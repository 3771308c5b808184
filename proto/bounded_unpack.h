/*
 * bounded_unpack -- protobuf-c for bytes that nobody vouches for
 *
 * protobuf-c alone lets a sender make it allocate many times the message's size, keeps unknown
 * fields, and cuts strings at an embedded NUL without a word.  Here the wire format is walked
 * against the message's descriptor first: unknown fields, wrong wire types, lengths that do not
 * fit, NUL in strings and nesting beyond BOUNDED_DEPTH_MAX are refused.  Then it is unpacked into
 * the caller's arena; when that is full the message is refused.  Invalid UTF-8 passes.
 *
 * The message lives in the arena until arena_reset(); nothing of it is freed singly.
 */
#ifndef PROTO_BOUNDED_UNPACK_H
#define PROTO_BOUNDED_UNPACK_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOUNDED_DEPTH_MAX 4u

struct arena {
	uint8_t *memory; /* the owner's, aligned for any type */
	size_t size;
	size_t used;
	bool exhausted;
};

void arena_init(struct arena *arena, void *memory, size_t size);
void arena_reset(struct arena *arena);

/* True when the bytes are a message of this type and nothing else. */
bool bounded_check(
    const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t length);

/* NULL: refused; the arena may be used again after arena_reset(). */
ProtobufCMessage *bounded_unpack(const ProtobufCMessageDescriptor *descriptor, struct arena *arena,
    const uint8_t *bytes, size_t length);

#endif
