/*
 * sync_stream -- the byte stream between the two hosts of a pair: blocks of whole frames
 *
 * What a host has to say at once (frames of sync_codec.h) goes as one block: a header (frame.h), then
 * the frames, plain or compressed.  Both ends keep one zstd stream for as long as the connection lives,
 * flushed with each block, so that small blocks profit from those before.  The types of a block:
 *
 *   1 plain        past the compressor: small, secret, or not worth it
 *   2 compressed   first block of a new zstd stream
 *   3 compressed   the zstd stream goes on
 *
 * The writer chooses: not at all while the CPU is short or what is sent hardly shrinks (base64), and
 * then tries again after a while.  What may be credentials is never compressed, nor kept as history.
 *
 * The reader believes nothing: lengths are capped before anything is read, the window and the output
 * are bounded while it decompresses, and only zstd's own format is taken (no skippable frame, no
 * format of old).  What is refused has a name, and nothing is taken after it.
 *
 * Pure: no I/O, no clock.  One writer and one reader per connection, made anew with it.
 */
#ifndef PROTO_SYNC_STREAM_H
#define PROTO_SYNC_STREAM_H

#include "proto/sync_codec.h"

#define SYNC_STREAM_PLAIN_MAX (SYNC_FRAME_MAX + 65536u)	       /* of a block, when it is plain */
#define SYNC_STREAM_BLOCK_MAX (SYNC_STREAM_PLAIN_MAX + 65544u) /* holds any whole block */

enum sync_cpu { SYNC_CPU_FREE, SYNC_CPU_BUSY, SYNC_CPU_SHORT };

/* Bytes of frames, by what became of them, and what all of them became. */
struct sync_written {
	uint64_t plain, fast, normal;
	uint64_t sent;
};

struct sync_writer;
struct sync_reader;

/* NULL: no memory. */
struct sync_writer *sync_writer_create(void);
void sync_writer_destroy(struct sync_writer *writer);
/* From the next block on. */
void sync_writer_set_cpu(struct sync_writer *writer, enum sync_cpu cpu);
/* One block of whole frames, 1 to SYNC_STREAM_PLAIN_MAX bytes; `out` has room for SYNC_STREAM_BLOCK_MAX.
 * After SYNC_BAD_MEMORY the connection is lost. */
enum sync_reason sync_writer_put(struct sync_writer *writer, const uint8_t *frames, size_t length,
    bool is_secret, uint8_t out[SYNC_STREAM_BLOCK_MAX], size_t *ret_length);
/* Since it was asked last. */
struct sync_written sync_writer_take_written(struct sync_writer *writer);

struct sync_reader *sync_reader_create(void);
void sync_reader_destroy(struct sync_reader *reader);
/* READY: whole frames, good until the next call, in the reader or in the caller's bytes; and how many
 * of those bytes the block was. */
enum sync_result sync_reader_take(struct sync_reader *reader, const uint8_t *bytes, size_t length,
    struct sync_bytes *ret_frames, size_t *ret_size, enum sync_reason *ret_reason);

#endif
