#include "tests/tools/reply.h"

#include <stdbool.h>
#include <string.h>

/* A line without its CRLF. */
static bool
line_parse(const char *line, size_t length, unsigned *ret_code, bool *ret_last)
{
	if (length < 3 || line[0] < '2' || line[0] > '5')
		return false;
	for (unsigned i = 1; i < 3; i++)
		if (line[i] < '0' || line[i] > '9')
			return false;
	if (length > 3 && line[3] != ' ' && line[3] != '-')
		return false;
	if (memchr(line, '\r', length) != NULL)
		return false;
	*ret_code = (unsigned)((line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0'));
	*ret_last = length == 3 || line[3] == ' ';
	return true;
}

long
reply_parse(const char *bytes, size_t length, struct reply *ret_reply)
{
	size_t start = 0;

	memset(ret_reply, 0, sizeof(*ret_reply));
	while (start < length) {
		const char *line = bytes + start;
		const char *end = memchr(line, '\n', length - start);
		size_t line_length;
		unsigned code;
		bool last;

		if (end == NULL)
			break;
		line_length = (size_t)(end - line);
		if (line_length == 0 || line[line_length - 1] != '\r' ||
		    !line_parse(line, line_length - 1, &code, &last) ||
		    (ret_reply->lines > 0 && code != ret_reply->code))
			return -1;
		ret_reply->code = code;
		ret_reply->lines++;
		start += line_length + 1;
		if (last) {
			ret_reply->text = line + (line_length > 4 ? 4 : line_length - 1);
			ret_reply->text_length = line_length > 5 ? line_length - 5 : 0;
			return (long)start;
		}
	}
	return length > REPLY_MAX ? -1 : 0;
}
