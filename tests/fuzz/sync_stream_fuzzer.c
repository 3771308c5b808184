/*
 * sync_stream_fuzzer -- hostile bytes from the other host, as they come out of its connection
 *
 * Blocks are opened, decompressed within their bounds, and their messages decoded.
 */
#include "proto/sync_entry_decode.h"
#include "proto/sync_stream.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sync_decoder *decoder;
static struct sync_entry_decoder *entry_decoder;

static void
demand(int condition)
{
	if (!condition)
		abort();
}

static enum sync_reason
try_frames(struct sync_bytes frames)
{
	struct sync_message message;
	struct sync_entry entry;
	enum sync_reason reason = SYNC_GOOD;
	size_t used;

	while (frames.length > 0) {
		enum sync_result result =
		    sync_decode(decoder, frames.data, frames.length, &message, &used, &reason);

		/* The reader has promised whole frames. */
		demand(result != SYNC_MORE);
		if (result == SYNC_REFUSED)
			return reason;
		demand(used > 0 && used <= frames.length);
		if (message.kind == SYNC_BATCH)
			for (uint32_t i = 0; i < message.batch.entries; i++)
				sync_entry_decode(entry_decoder, message.batch.entry[i].data,
				    message.batch.entry[i].length, &entry);
		frames.data += used;
		frames.length -= used;
	}
	return SYNC_GOOD;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sync_reader *reader = sync_reader_create();
	struct sync_bytes frames;
	enum sync_reason reason = SYNC_GOOD;
	size_t used;

	if (decoder == NULL) {
		decoder = sync_decoder_create();
		entry_decoder = sync_entry_decoder_create();
	}
	demand(reader != NULL && decoder != NULL && entry_decoder != NULL);
	while (reason == SYNC_GOOD &&
	       sync_reader_take(reader, data, size, &frames, &used, &reason) == SYNC_READY) {
		demand(used > 8 && used <= size);
		demand(frames.length > 0 && frames.length <= SYNC_STREAM_PLAIN_MAX);
		reason = try_frames(frames);
		data += used;
		size -= used;
	}
	sync_reader_destroy(reader);
	return 0;
}
