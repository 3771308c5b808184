#include "daemon/supervisor/own_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_ROOM 32

int
own_file_write(int directory, const char *name, const void *bytes, size_t length)
{
	char temporary[NAME_ROOM];
	int fd, r = 0;

	snprintf(temporary, sizeof(temporary), "%s.new", name);
	/* One that a death left behind. */
	unlinkat(directory, temporary, 0);
	fd = openat(
	    directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, bytes, length) != (ssize_t)length)
		r = -EIO;
	close(fd);
	if (r == 0 && renameat(directory, temporary, directory, name) < 0)
		r = -errno;
	return r;
}

static ssize_t
read_if_own(int fd, void *bytes, size_t size)
{
	struct stat status;
	ssize_t length;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() || status.st_mode & 0022)
		return -EPERM;
	length = read(fd, bytes, size);
	if (length < 0)
		return -errno;
	return length < (ssize_t)size ? length : -EFBIG;
}

ssize_t
own_file_read(int directory, const char *name, void *bytes, size_t size)
{
	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t length;

	if (fd < 0)
		return -errno;
	length = read_if_own(fd, bytes, size);
	close(fd);
	return length;
}
