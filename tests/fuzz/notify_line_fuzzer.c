/*
 * notify_line_fuzzer -- keepalived's FIFO as hostile bytes
 *
 * The first byte says in which parts the rest arrives; whole and in parts it must give the same.
 */
#include "daemon/sync/notify_line.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MIX 1099511628211ull

static uint64_t
mix_text(uint64_t sum, const char *text)
{
	for (; *text != '\0'; text++)
		sum = (sum ^ (unsigned char)*text) * MIX;
	return sum;
}

static void
check(const struct notify_line *line)
{
	size_t length = strnlen(line->name, sizeof(line->name));

	if (length == 0 || length > NOTIFY_NAME_MAX)
		abort();
	if ((unsigned)line->state >= NOTIFY_STATE_COUNT)
		abort();
}

/* A sum over all that was read. */
static uint64_t
read_in_parts(const char *bytes, size_t size, size_t part)
{
	struct notify_reader reader;
	struct notify_line line;
	const char *why;
	uint64_t sum = 0;

	notify_reader_start(&reader);
	for (size_t at = 0; at < size; at += part) {
		const char *from = bytes + at;
		size_t left = size - at < part ? size - at : part;

		for (;;) {
			size_t used;
			enum notify_result result =
			    notify_reader_take(&reader, from, left, &used, &line, &why);
			if (used > left || reader.length > NOTIFY_LINE_MAX)
				abort();
			from += used;
			left -= used;
			if (result == NOTIFY_MORE)
				break;
			sum = (sum ^ result) * MIX;
			if (result == NOTIFY_LINE) {
				check(&line);
				sum = mix_text((sum ^ line.state) * MIX + line.priority, line.name);
			} else if (result == NOTIFY_BAD) {
				sum = mix_text(sum, why);
			}
		}
		if (left != 0)
			abort();
	}
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	const char *bytes = (const char *)data + 1;
	size--;
	uint64_t whole = read_in_parts(bytes, size, size + 1);
	if (read_in_parts(bytes, size, data[0] + 1u) != whole)
		abort();
	return 0;
}
