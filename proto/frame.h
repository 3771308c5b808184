/*
 * frame -- messages on a byte stream: an 8-byte header, then the payload
 *
 *   0  magic   "SG"
 *   2  type    16 bits, little endian
 *   4  length  of the payload, 32 bits, little endian
 *
 * The cap on the length is checked as soon as the header is there, before anybody allocates or
 * waits for the payload.  Pure: no I/O, no memory of its own.  Used by both ends of the control
 * socket.
 */
#ifndef PROTO_FRAME_H
#define PROTO_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_HEADER_SIZE 8u

enum frame_result {
	FRAME_MORE, /* not all of it is there yet */
	FRAME_READY,
	FRAME_BAD, /* magic, type 0 or a length above the cap: the stream cannot be trusted again */
};

struct frame {
	uint16_t type;
	uint32_t length;
	const uint8_t *payload; /* in the caller's bytes */
	size_t size;		/* header and payload: what the caller drops from its buffer */
};

/* Looks for one frame at the start of bytes[0..length). cap: largest payload taken. */
enum frame_result frame_decode(
    const uint8_t *bytes, size_t length, uint32_t cap, struct frame *ret_frame);

/* Writes a header; the payload of `length` bytes is to follow it. */
void frame_put_header(uint8_t header[FRAME_HEADER_SIZE], uint16_t type, uint32_t length);

#endif
