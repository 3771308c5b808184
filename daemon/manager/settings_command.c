#include "daemon/manager/settings_command.h"

#include "daemon/manager/settings_load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* Reads all of the descriptor with a NUL behind it. NULL with errno set (EFBIG: too large). */
static char *
read_whole(int fd, size_t most, size_t *ret_length)
{
	size_t length = 0;
	char *text = malloc(most + 1);

	if (text == NULL)
		return NULL;
	while (length <= most) {
		ssize_t n = read(fd, text + length, most + 1 - length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			free(text);
			return NULL;
		}
		if (n == 0) {
			text[length] = '\0';
			*ret_length = length;
			return text;
		}
		length += (size_t)n;
	}
	free(text);
	errno = EFBIG;
	return NULL;
}

static bool
write_whole(int fd, const void *bytes, size_t length)
{
	const char *at = bytes;

	while (length > 0) {
		ssize_t n = write(fd, at, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		length -= (size_t)n;
	}
	return true;
}

int
settings_command(const char *path, bool write_always)
{
	struct settings settings;
	struct text errors;
	size_t length;
	char *source = read_whole(SETTINGS_FD_FILE, SETTINGS_FILE_MAX, &length);

	if (source == NULL) {
		fprintf(stderr, "%s:1: cannot be read: %s\n", path, strerror(errno));
		return EX_CONFIG;
	}
	text_init(&errors, SETTINGS_FILE_MAX);
	bool valid = settings_load(&settings, source, length, path, &errors);
	fputs(text_string(&errors), stderr);
	text_free(&errors);
	free(source);
	if (!valid && !write_always)
		return EX_CONFIG;

	if (!write_whole(SETTINGS_FD_RESULT, &settings, sizeof(settings))) {
		fprintf(stderr, "%s: cannot hand over the settings: %s\n", path, strerror(errno));
		return EX_OSERR;
	}
	return valid ? EX_OK : EX_CONFIG;
}
