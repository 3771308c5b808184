/*
 * sync_codec_fuzzer -- hostile bytes from the other host: messages, and the entries in their batches
 *
 * Whatever is decoded can be encoded again, and then comes out the same.
 */
#include "proto/sync_codec.h"
#include "proto/sync_entry_decode.h"
#include "proto/sync_entry_encode.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sync_decoder *decoder, *again;
static struct sync_entry_decoder *entry_decoder;

static void
demand(int condition)
{
	if (!condition)
		abort();
}

static void
try_entry(const uint8_t *data, size_t size)
{
	static uint8_t first[SYNC_ENTRY_MAX], second[SYNC_ENTRY_MAX];
	struct sync_entry entry;
	size_t length, other;

	if (sync_entry_decode(entry_decoder, data, size, &entry) != SYNC_GOOD)
		return;
	/* Encodings that nobody would choose may become shorter, never longer. */
	demand(sync_entry_encode(&entry, first, sizeof(first), &length) == SYNC_GOOD);
	demand(length <= size);
	demand(sync_entry_decode(entry_decoder, first, length, &entry) == SYNC_GOOD);
	demand(sync_entry_encode(&entry, second, sizeof(second), &other) == SYNC_GOOD);
	demand(other == length && memcmp(first, second, length) == 0);
	sync_entry_wipe(entry_decoder);
}

static void
try_message(const struct sync_message *message, size_t size)
{
	static uint8_t first[SYNC_FRAME_MAX], second[SYNC_FRAME_MAX];
	struct sync_message copy;
	enum sync_reason reason;
	size_t length, used, other;

	demand(sync_encode(message, first, sizeof(first), &length) == SYNC_GOOD && length <= size);
	demand(sync_decode(again, first, length, &copy, &used, &reason) == SYNC_READY);
	demand(used == length);
	demand(sync_encode(&copy, second, sizeof(second), &other) == SYNC_GOOD);
	demand(other == length && memcmp(first, second, length) == 0);
	if (message->kind == SYNC_BATCH)
		for (uint32_t i = 0; i < message->batch.entries; i++)
			try_entry(message->batch.entry[i].data, message->batch.entry[i].length);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sync_message message;
	enum sync_reason reason = SYNC_GOOD;
	size_t used;

	if (decoder == NULL) {
		decoder = sync_decoder_create();
		again = sync_decoder_create();
		entry_decoder = sync_entry_decoder_create();
		demand(decoder != NULL && again != NULL && entry_decoder != NULL);
	}
	while (sync_decode(decoder, data, size, &message, &used, &reason) == SYNC_READY) {
		demand(used >= 8 && used <= size);
		try_message(&message, used);
		data += used;
		size -= used;
	}
	return 0;
}
