#include "daemon/sync/wire.h"

#include "daemon/sync/tls.h"
#include "proto/sync_codec.h"

#include <stdlib.h>
#include <string.h>

/* A block is closed above it, so that the longest frame still goes into one that is open. */
#define BLOCK_WANTED 65536u
#define PLAIN_SIZE   SYNC_STREAM_BLOCK_MAX

/* What a connection needs from the moment on at which it has proved that it holds the key. */
struct stream {
	struct sync_reader *reader;
	struct sync_writer *writer;
	struct sync_decoder *decoder;
	size_t begin, end;	  /* of what was not taken of plain[] */
	size_t taken;		  /* at `begin`: the block that the frames are of */
	struct sync_bytes frames; /* those that were not decoded */
	size_t put;
	bool is_secret; /* what was put */
	size_t block;	/* compressed, and TLS does not take it yet */
	uint8_t plain[PLAIN_SIZE];
	uint8_t put_bytes[SYNC_STREAM_PLAIN_MAX];
	uint8_t block_bytes[SYNC_STREAM_BLOCK_MAX];
};

struct wire {
	struct tls *tls;
	struct stream *stream; /* NULL: not yet */
	enum sync_reason reason;
};

struct wire *
wire_create(bool is_client, const char *node, const char *peer, const uint8_t key[KEY_SIZE])
{
	struct wire *wire = calloc(1, sizeof(*wire));

	if (wire == NULL)
		return NULL;
	wire->tls = tls_create(is_client, node, peer, key);
	if (wire->tls == NULL) {
		free(wire);
		return NULL;
	}
	return wire;
}

static void
stream_destroy(struct stream *stream)
{
	if (stream == NULL)
		return;
	sync_reader_destroy(stream->reader);
	sync_writer_destroy(stream->writer);
	sync_decoder_destroy(stream->decoder);
	/* It was mail, and may have been credentials. */
	explicit_bzero(stream, sizeof(*stream));
	free(stream);
}

static struct stream *
stream_create(void)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	if (stream == NULL)
		return NULL;
	stream->reader = sync_reader_create();
	stream->writer = sync_writer_create();
	stream->decoder = sync_decoder_create();
	if (stream->reader != NULL && stream->writer != NULL && stream->decoder != NULL)
		return stream;
	stream_destroy(stream);
	return NULL;
}

void
wire_destroy(struct wire *wire)
{
	if (wire == NULL)
		return;
	stream_destroy(wire->stream);
	tls_destroy(wire->tls);
	free(wire);
}

enum wire_state
wire_state(const struct wire *wire)
{
	enum tls_state state = tls_state(wire->tls);

	if (wire->reason != SYNC_GOOD || state == TLS_ENDED || state == TLS_FAILED)
		return WIRE_OVER;
	return wire->stream != NULL ? WIRE_OPEN : WIRE_GREETING;
}

const char *
wire_text(const struct wire *wire)
{
	if (wire->reason != SYNC_GOOD)
		return sync_reason_text(wire->reason);
	return tls_state(wire->tls) == TLS_ENDED ? "the other host has ended the connection"
						 : tls_error_text(tls_error(wire->tls));
}

enum sync_reason
wire_reason(const struct wire *wire)
{
	return wire->reason;
}

size_t
wire_feed(struct wire *wire, const uint8_t *bytes, size_t length)
{
	return wire_state(wire) == WIRE_OVER ? 0 : tls_feed(wire->tls, bytes, length);
}

/* ---- from the network ---- */

static bool
is_open(struct wire *wire)
{
	if (wire->stream != NULL)
		return true;
	tls_read(wire->tls, NULL, 0);
	if (tls_state(wire->tls) != TLS_OPEN)
		return false;
	wire->stream = stream_create();
	if (wire->stream == NULL)
		wire->reason = SYNC_BAD_MEMORY;
	return wire->stream != NULL;
}

static bool
decode(struct wire *wire, struct sync_message *message)
{
	struct stream *stream = wire->stream;
	size_t size = 0;

	/* The reader has seen to it that frames are whole. */
	if (sync_decode(stream->decoder, stream->frames.data, stream->frames.length, message, &size,
		&wire->reason) != SYNC_READY)
		return false;
	stream->frames.data += size;
	stream->frames.length -= size;
	return true;
}

/* The block whose frames are all decoded makes room. */
static void
let_go(struct stream *stream)
{
	explicit_bzero(stream->plain + stream->begin, stream->taken);
	stream->begin += stream->taken;
	stream->taken = 0;
	if (stream->begin == stream->end)
		stream->begin = stream->end = 0;
}

/* A whole block fits behind, once what is left of it lies in front. */
static size_t
read_more(struct wire *wire)
{
	struct stream *stream = wire->stream;

	if (stream->end == PLAIN_SIZE) {
		stream->end -= stream->begin;
		memmove(stream->plain, stream->plain + stream->begin, stream->end);
		stream->begin = 0;
	}
	size_t length = tls_read(wire->tls, stream->plain + stream->end, PLAIN_SIZE - stream->end);
	stream->end += length;
	return length;
}

/* True: there are frames of another block. */
static bool
take_block(struct wire *wire)
{
	struct stream *stream = wire->stream;

	let_go(stream);
	for (;;) {
		switch (sync_reader_take(stream->reader, stream->plain + stream->begin,
		    stream->end - stream->begin, &stream->frames, &stream->taken, &wire->reason)) {
		case SYNC_READY:
			return true;
		case SYNC_REFUSED:
			return false;
		case SYNC_MORE:
			break;
		}
		if (read_more(wire) == 0)
			return false;
	}
}

bool
wire_next(struct wire *wire, struct sync_message *ret_message)
{
	if (wire_state(wire) == WIRE_OVER || !is_open(wire))
		return false;
	if (wire->stream->frames.length == 0 && !take_block(wire))
		return false;
	return decode(wire, ret_message);
}

/* ---- to the network ---- */

bool
wire_has_room(const struct wire *wire)
{
	return wire_state(wire) == WIRE_OPEN && wire->stream->block == 0 &&
	       wire->stream->put < BLOCK_WANTED;
}

static void
write_block(struct wire *wire)
{
	struct stream *stream = wire->stream;

	if (stream->block == 0 || tls_write(wire->tls, stream->block_bytes, stream->block) == 0)
		return;
	explicit_bzero(stream->block_bytes, stream->block);
	stream->block = 0;
}

void
wire_push(struct wire *wire)
{
	struct stream *stream = wire->stream;

	if (wire_state(wire) != WIRE_OPEN || stream->put == 0 || stream->block > 0)
		return;
	wire->reason = sync_writer_put(stream->writer, stream->put_bytes, stream->put,
	    stream->is_secret, stream->block_bytes, &stream->block);
	explicit_bzero(stream->put_bytes, stream->put);
	stream->put = 0;
	if (wire->reason == SYNC_GOOD)
		write_block(wire);
}

void
wire_put(struct wire *wire, const struct sync_message *message, bool is_secret)
{
	struct stream *stream = wire->stream;
	size_t length = 0;

	if (stream->put > 0 && stream->is_secret != is_secret)
		wire_push(wire);
	if (wire_state(wire) != WIRE_OPEN)
		return;
	enum sync_reason reason = sync_encode(message, stream->put_bytes + stream->put,
	    sizeof(stream->put_bytes) - stream->put, &length);
	if (reason != SYNC_GOOD) {
		wire->reason = reason;
		return;
	}
	stream->is_secret = is_secret || (stream->put > 0 && stream->is_secret);
	stream->put += length;
}

size_t
wire_drain(struct wire *wire, uint8_t *to, size_t size)
{
	size_t length = tls_drain(wire->tls, to, size);

	if (length > 0 || wire->stream == NULL)
		return length;
	write_block(wire);
	wire_push(wire);
	return tls_drain(wire->tls, to, size);
}

void
wire_set_cpu(struct wire *wire, unsigned cpu)
{
	if (wire->stream != NULL)
		sync_writer_set_cpu(wire->stream->writer, (enum sync_cpu)cpu);
}

struct sync_written
wire_take_written(struct wire *wire)
{
	if (wire->stream == NULL)
		return (struct sync_written){0};
	return sync_writer_take_written(wire->stream->writer);
}
