#include "daemon/manager/config_lines.h"

static void
write_line(void *context, const char *text)
{
	lines_add(context, text);
}

bool
config_lines(struct lines *lines, const struct config *config, const char *section, bool all)
{
	struct config_writer writer = {write_line, lines};

	config_print(config, section, all, &writer);
	return !lines->overflow;
}

bool
config_digest(const struct config *config, unsigned char digest[LINES_DIGEST_SIZE])
{
	struct lines lines;

	lines_init(&lines);
	bool good = config_lines(&lines, config, NULL, false) && lines_digest(&lines, digest);
	lines_free(&lines);
	return good;
}
