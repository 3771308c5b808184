/*
 * control_fuzzer -- hostile bytes on the control socket, in both directions
 *
 * Whatever is decoded must be encodable again, unless it is above a cap.
 */
#include "proto/control_codec.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct control_decoder *decoder;
static uint8_t encoded[CONTROL_REPLY_FRAME_MAX];

static void
touch(const char *text)
{
	volatile size_t length = strlen(text);

	(void)length;
}

static void
try_requests(const uint8_t *data, size_t size)
{
	struct control_request request;
	size_t used;
	enum control_result result;

	while ((result = control_decode_request(decoder, data, size, &request, &used)) >=
	       CONTROL_READY) {
		if (result == CONTROL_BAD_FRAME)
			return;
		if (used < 8 || used > size)
			abort();
		if (result == CONTROL_READY) {
			touch(request.line);
			if (request.kind > CONTROL_HELP)
				abort();
			if (control_encode_request(&request, encoded, sizeof(encoded)) !=
			    control_request_size(&request))
				abort();
		}
		data += used;
		size -= used;
	}
}

static void
try_replies(const uint8_t *data, size_t size)
{
	struct control_reply reply;
	size_t used;
	enum control_result result;

	while (
	    (result = control_decode_reply(decoder, data, size, &reply, &used)) >= CONTROL_READY) {
		if (result == CONTROL_BAD_FRAME)
			return;
		if (used < 8 || used > size)
			abort();
		if (result == CONTROL_READY) {
			touch(reply.prompt);
			if (reply.text_length > size)
				abort();
			for (unsigned i = 0; i < reply.candidates; i++) {
				touch(reply.candidate[i].word);
				touch(reply.candidate[i].help);
			}
			if (control_encode_reply(&reply, encoded, sizeof(encoded)) !=
			    control_reply_size(&reply))
				abort();
		}
		data += used;
		size -= used;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (decoder == NULL)
		decoder = control_decoder_create();
	if (decoder == NULL)
		abort();
	try_requests(data, size);
	try_replies(data, size);
	return 0;
}
