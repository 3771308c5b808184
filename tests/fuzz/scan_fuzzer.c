/*
 * scan_fuzzer -- every way of looking through content gives the same result
 *
 * The first octets choose column, limit and whether a line begins; the rest is the text, laid at
 * the end of its memory so that a read beyond it is seen.
 */
#include "worker/inspect/scan.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct found {
	size_t clean, line_start, long_line;
	uint32_t column;
};

/* Octet by octet, as scan.h says. */
static struct found
look_plainly(const uint8_t *text, size_t length, uint32_t column, uint32_t limit, bool line)
{
	struct found found = {length, length, length, column};
	bool at = line;

	for (size_t i = 0; i < length; i++) {
		bool pair = text[i] == '\r' && i + 1 < length && text[i + 1] == '\n';
		if ((text[i] == '.' && at) || text[i] == '\0' || text[i] == '\n' ||
		    (text[i] == '\r' && !pair)) {
			found.clean = i;
			break;
		}
		at = pair;
		i += pair;
	}
	at = line;
	for (size_t i = 0; i < length; i++) {
		if (at && text[i] == '-') {
			found.line_start = i;
			break;
		}
		at = text[i] == '\n' || text[i] == '\r';
	}
	for (size_t i = 0; i < length; i++) {
		if (text[i] != '\n' && (uint64_t)found.column + (text[i] != '\r') > limit) {
			found.long_line = i;
			break;
		}
		found.column = text[i] == '\n' ? 0 : found.column + 1;
	}
	return found;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 4)
		return 0;
	uint32_t column = data[0], limit = (uint32_t)data[1] | (uint32_t)(data[2] & 7) << 8;
	bool line = (data[3] & 1) != 0;
	size_t length = size - 4;
	uint8_t *text = malloc(length + 1);
	if (!text)
		return 0;
	memcpy(text + 1, data + 4, length);
	struct found plain = look_plainly(text + 1, length, column, limit, line);
	for (int way = 0; way <= (int)inspect_scan_best(); way++) {
		uint32_t at = column;
		if (scan_clean(way, text + 1, length, line) != plain.clean ||
		    scan_line_start(way, text + 1, length, line, '-') != plain.line_start ||
		    scan_long_line(way, text + 1, length, &at, limit) != plain.long_line ||
		    at != plain.column)
			abort();
	}
	free(text);
	return 0;
}
