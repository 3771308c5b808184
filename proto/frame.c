#include "proto/frame.h"

#define FRAME_MAGIC_0 'S'
#define FRAME_MAGIC_1 'G'

static uint16_t
get16(const uint8_t *at)
{
	return (uint16_t)(at[0] | at[1] << 8);
}

static uint32_t
get32(const uint8_t *at)
{
	return (uint32_t)get16(at) | (uint32_t)get16(at + 2) << 16;
}

enum frame_result
frame_decode(const uint8_t *bytes, size_t length, uint32_t cap, struct frame *ret_frame)
{
	/* A wrong first byte is refused at once: who speaks another protocol gets no wait. */
	if (length > 0 && bytes[0] != FRAME_MAGIC_0)
		return FRAME_BAD;
	if (length > 1 && bytes[1] != FRAME_MAGIC_1)
		return FRAME_BAD;
	if (length < FRAME_HEADER_SIZE)
		return FRAME_MORE;

	uint16_t type = get16(bytes + 2);
	uint32_t payload = get32(bytes + 4);
	if (type == 0 || payload > cap)
		return FRAME_BAD;
	if (length - FRAME_HEADER_SIZE < payload)
		return FRAME_MORE;

	ret_frame->type = type;
	ret_frame->length = payload;
	ret_frame->payload = bytes + FRAME_HEADER_SIZE;
	ret_frame->size = FRAME_HEADER_SIZE + (size_t)payload;
	return FRAME_READY;
}

void
frame_put_header(uint8_t header[FRAME_HEADER_SIZE], uint16_t type, uint32_t length)
{
	header[0] = FRAME_MAGIC_0;
	header[1] = FRAME_MAGIC_1;
	header[2] = (uint8_t)type;
	header[3] = (uint8_t)(type >> 8);
	header[4] = (uint8_t)length;
	header[5] = (uint8_t)(length >> 8);
	header[6] = (uint8_t)(length >> 16);
	header[7] = (uint8_t)(length >> 24);
}
