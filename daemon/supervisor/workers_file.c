#include "daemon/supervisor/workers_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADLINE  "smtpguard workers 1"
#define TEMPORARY WORKERS_FILE_NAME ".new"

/* "manager 4294967295 2147483647 18446744073709551615\n" */
_Static_assert(sizeof(HEADLINE) + WORKERS_FILE_ENTRIES * 51 < WORKERS_FILE_BYTES, "it fits");

static const char *const kinds[] = {[false] = "worker ", [true] = "manager "};

size_t
workers_file_format(const struct workers_file *file, char *text, size_t size)
{
	size_t length = (size_t)snprintf(text, size, HEADLINE "\n");

	for (unsigned i = 0; i < file->count; i++) {
		const struct workers_file_entry *entry = &file->entry[i];

		length += (size_t)snprintf(text + length, size - length, "%s%u %d %" PRIu64 "\n",
		    kinds[entry->manager], entry->index, entry->pid, entry->started);
	}
	return length;
}

/* A decimal number and the character behind it. */
static bool
take_number(const char **text, char behind, uint64_t most, uint64_t *ret_number)
{
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	*ret_number = strtoull(*text, &end, 10);
	if (errno != 0 || *end != behind || *ret_number > most)
		return false;
	*text = end + 1;
	return true;
}

static bool
take_word(const char **text, const char *word)
{
	size_t length = strlen(word);

	if (strncmp(*text, word, length) != 0)
		return false;
	*text += length;
	return true;
}

static bool
take_entry(const char **text, struct workers_file_entry *entry)
{
	uint64_t index, pid;

	entry->manager = take_word(text, kinds[true]);
	if (!entry->manager && !take_word(text, kinds[false]))
		return false;
	if (!take_number(text, ' ', SHM_WORKERS_MAX - 1, &index) ||
	    !take_number(text, ' ', INT32_MAX, &pid) || pid == 0 ||
	    !take_number(text, '\n', UINT64_MAX, &entry->started))
		return false;
	entry->index = (uint32_t)index;
	entry->pid = (pid_t)pid;
	return true;
}

bool
workers_file_parse(
    const char *text, size_t length, struct workers_file *ret_file, unsigned *ret_line)
{
	const char *end = text + length;

	*ret_file = (struct workers_file){0};
	*ret_line = 1;
	if (text[length] != '\0' || strlen(text) != length || !take_word(&text, HEADLINE "\n"))
		return false;
	while (text < end) {
		++*ret_line;
		if (ret_file->count == WORKERS_FILE_ENTRIES ||
		    !take_entry(&text, &ret_file->entry[ret_file->count]))
			return false;
		ret_file->count++;
	}
	return true;
}

int
workers_file_write(int directory, const struct workers_file *file)
{
	char text[WORKERS_FILE_BYTES];
	size_t length = workers_file_format(file, text, sizeof(text));
	int fd, r = 0;

	/* One that a death left behind. */
	unlinkat(directory, TEMPORARY, 0);
	fd = openat(
	    directory, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, text, length) != (ssize_t)length)
		r = -EIO;
	close(fd);
	if (r == 0 && renameat(directory, TEMPORARY, directory, WORKERS_FILE_NAME) < 0)
		r = -errno;
	return r;
}

/* The length; -EPERM, -EFBIG or another -errno. */
static ssize_t
read_own_file(int fd, char *text, size_t size)
{
	struct stat status;
	ssize_t length;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() || status.st_mode & 0022)
		return -EPERM;
	length = read(fd, text, size);
	if (length < 0)
		return -errno;
	return length < (ssize_t)size ? length : -EFBIG;
}

int
workers_file_read(int directory, struct workers_file *ret_file, unsigned *ret_line)
{
	char text[WORKERS_FILE_BYTES];
	int fd =
	    openat(directory, WORKERS_FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t length;

	*ret_file = (struct workers_file){0};
	if (fd < 0)
		return -errno;
	length = read_own_file(fd, text, sizeof(text));
	close(fd);
	if (length < 0)
		return (int)length;
	text[length] = '\0';
	return workers_file_parse(text, (size_t)length, ret_file, ret_line) ? 0 : -EBADMSG;
}

void
workers_file_remove(int directory)
{
	unlinkat(directory, WORKERS_FILE_NAME, 0);
}
