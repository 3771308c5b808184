#include "proto/bounded_unpack.h"

#include <stdalign.h>
#include <string.h>

enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_LENGTH = 2, WIRE_32 = 5 };

struct wire {
	const uint8_t *at;
	size_t left;
};

void
arena_init(struct arena *arena, void *memory, size_t size)
{
	arena->memory = memory;
	arena->size = size;
	arena_reset(arena);
}

void
arena_reset(struct arena *arena)
{
	arena->used = 0;
	arena->exhausted = false;
}

static void *
arena_allocate(void *data, size_t size)
{
	struct arena *arena = data;
	size_t align = alignof(max_align_t);
	size_t start = (arena->used + align - 1) / align * align;

	if (start > arena->size || size > arena->size - start) {
		arena->exhausted = true;
		return NULL;
	}
	arena->used = start + size;
	return arena->memory + start;
}

static void
arena_release(void *data, void *pointer)
{
	(void)data;
	(void)pointer;
}

static bool
read_varint(struct wire *wire, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (wire->left == 0)
			return false;
		uint8_t byte = *wire->at++;
		wire->left--;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0) {
			*ret_value = value;
			return true;
		}
	}
	return false;
}

static bool
skip(struct wire *wire, uint64_t length)
{
	if (length > wire->left)
		return false;
	wire->at += length;
	wire->left -= (size_t)length;
	return true;
}

static enum wire_type
wire_type_of(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		return WIRE_32;
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return WIRE_64;
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE:
		return WIRE_LENGTH;
	default:
		return WIRE_VARINT;
	}
}

static bool check_message(
    const ProtobufCMessageDescriptor *descriptor, struct wire wire, unsigned depth);

static bool
check_length_delimited(
    const ProtobufCFieldDescriptor *field, const uint8_t *bytes, size_t length, unsigned depth)
{
	if (field->type == PROTOBUF_C_TYPE_STRING)
		return length == 0 || memchr(bytes, '\0', length) == NULL;
	if (field->type == PROTOBUF_C_TYPE_MESSAGE)
		return check_message(field->descriptor, (struct wire){bytes, length}, depth + 1);
	return field->type == PROTOBUF_C_TYPE_BYTES;
}

static bool
check_field(
    const ProtobufCFieldDescriptor *field, enum wire_type type, struct wire *wire, unsigned depth)
{
	uint64_t value;

	/* Packed repeated numbers are not used by any message here, so they are refused. */
	if (type != wire_type_of(field->type))
		return false;
	switch (type) {
	case WIRE_VARINT:
		return read_varint(wire, &value);
	case WIRE_64:
		return skip(wire, 8);
	case WIRE_32:
		return skip(wire, 4);
	case WIRE_LENGTH:
		break;
	}

	if (!read_varint(wire, &value))
		return false;
	const uint8_t *start = wire->at;
	return skip(wire, value) && check_length_delimited(field, start, (size_t)value, depth);
}

static bool
check_message(const ProtobufCMessageDescriptor *descriptor, struct wire wire, unsigned depth)
{
	if (depth > BOUNDED_DEPTH_MAX)
		return false;
	while (wire.left > 0) {
		uint64_t tag;

		if (!read_varint(&wire, &tag) || tag > UINT32_MAX)
			return false;
		const ProtobufCFieldDescriptor *field =
		    protobuf_c_message_descriptor_get_field(descriptor, (unsigned)(tag >> 3));
		if (field == NULL || !check_field(field, (enum wire_type)(tag & 7), &wire, depth))
			return false;
	}
	return true;
}

bool
bounded_check(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t length)
{
	return check_message(descriptor, (struct wire){bytes, length}, 1);
}

ProtobufCMessage *
bounded_unpack(const ProtobufCMessageDescriptor *descriptor, struct arena *arena,
    const uint8_t *bytes, size_t length)
{
	ProtobufCAllocator allocator = {arena_allocate, arena_release, arena};

	if (!bounded_check(descriptor, bytes, length))
		return NULL;
	return protobuf_c_message_unpack(descriptor, &allocator, length, bytes);
}
