#include "proto/sync_stream.h"

#include "proto/frame.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#define BLOCK_PAYLOAD_MAX (SYNC_STREAM_BLOCK_MAX - FRAME_HEADER_SIZE)
#define WINDOW_LOG	  19 /* 512 KiB, at both ends */

#define LEVEL_NONE   0
#define LEVEL_BUSY   (-5)
#define LEVEL_NORMAL 1

/* Smaller blocks (acknowledgements, heartbeats) cost more to compress than they shrink. */
#define COMPRESS_MIN 128u
/* What was gained is judged over so many bytes; compression rests for REST when it was too little. */
#define JUDGE_BYTES   65536u
#define REST_BYTES    (2u << 20)
#define WORTH_PERCENT 72u

enum block { BLOCK_PLAIN = 1, BLOCK_NEW = 2, BLOCK_MORE = 3 };

struct sync_writer {
	ZSTD_CCtx *context;
	enum sync_cpu cpu;
	int level;	      /* of the running zstd stream; LEVEL_NONE: there is none */
	size_t before, after; /* bytes since it was judged last */
	size_t rest;	      /* bytes to go plain before compression is tried again */
	struct sync_written written;
};

struct sync_reader {
	ZSTD_DCtx *context;
	bool is_running; /* a zstd stream has begun */
	enum sync_reason broken;
	/* One more than may come, so that what would come beyond is seen. */
	uint8_t plain[SYNC_STREAM_PLAIN_MAX + 1];
};

struct sync_writer *
sync_writer_create(void)
{
	struct sync_writer *writer = calloc(1, sizeof(*writer));

	if (writer == NULL)
		return NULL;
	writer->context = ZSTD_createCCtx();
	if (writer->context == NULL ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(writer->context, ZSTD_c_windowLog, WINDOW_LOG))) {
		sync_writer_destroy(writer);
		return NULL;
	}
	return writer;
}

void
sync_writer_destroy(struct sync_writer *writer)
{
	if (writer == NULL)
		return;
	ZSTD_freeCCtx(writer->context);
	free(writer);
}

void
sync_writer_set_cpu(struct sync_writer *writer, enum sync_cpu cpu)
{
	writer->cpu = cpu;
}

static int
choose_level(struct sync_writer *writer, size_t length, bool is_secret)
{
	if (is_secret || length < COMPRESS_MIN || writer->cpu == SYNC_CPU_SHORT)
		return LEVEL_NONE;
	if (writer->rest > 0) {
		writer->rest -= length < writer->rest ? length : writer->rest;
		return LEVEL_NONE;
	}
	return writer->cpu == SYNC_CPU_BUSY ? LEVEL_BUSY : LEVEL_NORMAL;
}

static void
judge(struct sync_writer *writer, size_t before, size_t after)
{
	writer->before += before;
	writer->after += after;
	if (writer->before < JUDGE_BYTES)
		return;
	/* base64 shrinks to three quarters at best: that is not worth the time. */
	if (writer->after > writer->before / 100 * WORTH_PERCENT)
		writer->rest = REST_BYTES;
	writer->before = writer->after = 0;
}

static bool
begin_stream(struct sync_writer *writer, int level)
{
	ZSTD_CCtx_reset(writer->context, ZSTD_reset_session_only);
	writer->level = level;
	return !ZSTD_isError(
	    ZSTD_CCtx_setParameter(writer->context, ZSTD_c_compressionLevel, level));
}

static enum sync_reason
put_compressed(struct sync_writer *writer, int level, const uint8_t *frames, size_t length,
    uint8_t *out, size_t *ret_length)
{
	ZSTD_inBuffer in = {frames, length, 0};
	ZSTD_outBuffer to = {out + FRAME_HEADER_SIZE, BLOCK_PAYLOAD_MAX, 0};
	bool is_new = level != writer->level;

	if (is_new && !begin_stream(writer, level))
		return SYNC_BAD_MEMORY;
	size_t left = ZSTD_compressStream2(writer->context, &to, &in, ZSTD_e_flush);
	/* With room for the worst case one call flushes everything. */
	if (ZSTD_isError(left) || left != 0 || in.pos != length)
		return SYNC_BAD_MEMORY;
	frame_put_header(out, is_new ? BLOCK_NEW : BLOCK_MORE, (uint32_t)to.pos);
	*ret_length = FRAME_HEADER_SIZE + to.pos;
	judge(writer, length, to.pos);
	return SYNC_GOOD;
}

static void
put_plain(const uint8_t *frames, size_t length, uint8_t *out, size_t *ret_length)
{
	frame_put_header(out, BLOCK_PLAIN, (uint32_t)length);
	memcpy(out + FRAME_HEADER_SIZE, frames, length);
	*ret_length = FRAME_HEADER_SIZE + length;
}

static void
count(struct sync_written *written, int level, size_t length, size_t sent)
{
	written->plain += level == LEVEL_NONE ? length : 0;
	written->fast += level == LEVEL_BUSY ? length : 0;
	written->normal += level == LEVEL_NORMAL ? length : 0;
	written->sent += sent;
}

enum sync_reason
sync_writer_put(struct sync_writer *writer, const uint8_t *frames, size_t length, bool is_secret,
    uint8_t out[SYNC_STREAM_BLOCK_MAX], size_t *ret_length)
{
	enum sync_reason reason = SYNC_GOOD;

	if (length == 0 || length > SYNC_STREAM_PLAIN_MAX)
		return SYNC_BAD_FRAME_LENGTH;
	int level = choose_level(writer, length, is_secret);
	if (level == LEVEL_NONE)
		put_plain(frames, length, out, ret_length);
	else
		reason = put_compressed(writer, level, frames, length, out, ret_length);
	if (reason == SYNC_GOOD)
		count(&writer->written, level, length, *ret_length);
	return reason;
}

struct sync_written
sync_writer_take_written(struct sync_writer *writer)
{
	struct sync_written written = writer->written;

	writer->written = (struct sync_written){0};
	return written;
}

struct sync_reader *
sync_reader_create(void)
{
	struct sync_reader *reader = malloc(sizeof(*reader));

	if (reader == NULL)
		return NULL;
	reader->is_running = false;
	reader->broken = SYNC_GOOD;
	reader->context = ZSTD_createDCtx();
	if (reader->context == NULL || ZSTD_isError(ZSTD_DCtx_setParameter(
					   reader->context, ZSTD_d_windowLogMax, WINDOW_LOG))) {
		sync_reader_destroy(reader);
		return NULL;
	}
	return reader;
}

void
sync_reader_destroy(struct sync_reader *reader)
{
	if (reader == NULL)
		return;
	ZSTD_freeDCtx(reader->context);
	free(reader);
}

static enum sync_reason
begin_reading(struct sync_reader *reader, const struct frame *block)
{
	static const uint8_t magic[] = {0x28, 0xb5, 0x2f, 0xfd}; /* RFC 8878 3.1.1 */

	if (block->length < sizeof(magic) || memcmp(block->payload, magic, sizeof(magic)) != 0)
		return SYNC_BAD_COMPRESSION;
	ZSTD_DCtx_reset(reader->context, ZSTD_reset_session_only);
	reader->is_running = true;
	return SYNC_GOOD;
}

static enum sync_reason
decompress(struct sync_reader *reader, const struct frame *block, struct sync_bytes *frames)
{
	ZSTD_inBuffer in = {block->payload, block->length, 0};
	ZSTD_outBuffer out = {reader->plain, sizeof(reader->plain), 0};

	if (!reader->is_running)
		return SYNC_BAD_COMPRESSION;
	while (in.pos < in.size) {
		size_t in_before = in.pos, out_before = out.pos;
		size_t left = ZSTD_decompressStream(reader->context, &out, &in);

		if (ZSTD_isError(left))
			return ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation
				   ? SYNC_BAD_MEMORY
				   : SYNC_BAD_COMPRESSION;
		if (out.pos > SYNC_STREAM_PLAIN_MAX)
			return SYNC_BAD_EXPANSION;
		/* The stream lives as long as the connection: an end in it is nobody's of ours. */
		if (left == 0 || (in.pos == in_before && out.pos == out_before))
			return SYNC_BAD_COMPRESSION;
	}
	*frames = (struct sync_bytes){reader->plain, out.pos};
	return SYNC_GOOD;
}

static enum sync_reason
open_block(struct sync_reader *reader, const struct frame *block, struct sync_bytes *frames)
{
	enum sync_reason reason = SYNC_GOOD;

	switch (block->type) {
	case BLOCK_PLAIN:
		if (block->length > SYNC_STREAM_PLAIN_MAX)
			return SYNC_BAD_FRAME_LENGTH;
		*frames = (struct sync_bytes){block->payload, block->length};
		return SYNC_GOOD;
	case BLOCK_NEW:
		reason = begin_reading(reader, block);
		break;
	case BLOCK_MORE:
		break;
	default:
		return SYNC_BAD_FRAME_KIND;
	}
	return reason == SYNC_GOOD ? decompress(reader, block, frames) : reason;
}

static enum sync_reason
check_frames(struct sync_bytes frames)
{
	struct frame frame;

	if (frames.length == 0)
		return SYNC_BAD_FRAME_CUT;
	while (frames.length > 0) {
		switch (frame_decode(frames.data, frames.length, SYNC_MESSAGE_MAX, &frame)) {
		case FRAME_MORE:
			return SYNC_BAD_FRAME_CUT;
		case FRAME_BAD:
			return SYNC_BAD_FRAME;
		case FRAME_READY:
			break;
		}
		frames.data += frame.size;
		frames.length -= frame.size;
	}
	return SYNC_GOOD;
}

enum sync_result
sync_reader_take(struct sync_reader *reader, const uint8_t *bytes, size_t length,
    struct sync_bytes *ret_frames, size_t *ret_size, enum sync_reason *ret_reason)
{
	struct sync_bytes frames = {NULL, 0};
	struct frame block;

	if (reader->broken == SYNC_GOOD) {
		switch (frame_decode(bytes, length, BLOCK_PAYLOAD_MAX, &block)) {
		case FRAME_MORE:
			return SYNC_MORE;
		case FRAME_BAD:
			reader->broken = SYNC_BAD_FRAME;
			break;
		case FRAME_READY:
			reader->broken = open_block(reader, &block, &frames);
			if (reader->broken == SYNC_GOOD)
				reader->broken = check_frames(frames);
			break;
		}
	}
	if (reader->broken != SYNC_GOOD) {
		*ret_reason = reader->broken;
		return SYNC_REFUSED;
	}
	*ret_frames = frames;
	*ret_size = block.size;
	return SYNC_READY;
}
