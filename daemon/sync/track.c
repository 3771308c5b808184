#include "daemon/sync/track.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define NEW_FILE TRACK_FILE ".new"

int
track_write(int directory, int32_t value)
{
	int fd = openat(
	    directory, NEW_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	char text[16];

	if (fd < 0)
		return -errno;
	int length = snprintf(text, sizeof(text), "%d\n", (int)value);
	int result = write(fd, text, (size_t)length) == length ? 0 : errno == 0 ? -EIO : -errno;
	close(fd);
	if (result == 0 && renameat(directory, NEW_FILE, directory, TRACK_FILE) < 0)
		result = -errno;
	return result;
}
