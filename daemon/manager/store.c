#include "daemon/manager/store.h"

#include "daemon/manager/store_format.h"
#include "shm/failpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STORE_TEMPORARY ".new"
#define STORE_PREVIOUS	".old"

void
store_entry_free(struct store_entry *entry)
{
	lines_free(&entry->lines);
}

static void
history_name(char name[STORE_NAME_MAX], int number)
{
	if (number == 0)
		snprintf(name, STORE_NAME_MAX, "%s", STORE_STARTUP);
	else
		snprintf(name, STORE_NAME_MAX, "%s.%d", STORE_STARTUP, number);
}

/* The file's bytes with a NUL behind them; only a regular file of sane size is read. */
static int
read_file(int directory, const char *name, char **ret_bytes, size_t *ret_length)
{
	struct stat status;
	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	int result = fstat(fd, &status) < 0 ? -errno : 0;
	if (result == 0 && (!S_ISREG(status.st_mode) || status.st_size > STORE_FILE_MAX))
		result = -EFBIG;
	size_t size = result == 0 ? (size_t)status.st_size : 0;
	char *bytes = result == 0 ? malloc(size + 1) : NULL;
	if (result == 0 && bytes == NULL)
		result = -ENOMEM;

	size_t length = 0;
	while (result == 0 && length < size) {
		ssize_t n = read(fd, bytes + length, size - length);
		if (n < 0 && errno != EINTR)
			result = -errno;
		if (n == 0)
			break;
		if (n > 0)
			length += (size_t)n;
	}
	close(fd);
	if (result < 0) {
		free(bytes);
		return result;
	}
	bytes[length] = '\0';
	*ret_bytes = bytes;
	*ret_length = length;
	return 0;
}

int
store_read(int directory, const char *name, struct store_entry *ret_entry, char *why)
{
	char *bytes = NULL;
	size_t length = 0;
	int result = read_file(directory, name, &bytes, &length);

	*ret_entry = (struct store_entry){0};
	if (result < 0) {
		snprintf(why, STORE_WHY_MAX, "%s", strerror(-result));
		return result;
	}
	bool good = store_format_read(bytes, length, ret_entry, why);
	free(bytes);
	return good ? 0 : -EBADMSG;
}

int
store_load(int directory, struct store_entry *ret_entry, char name[STORE_NAME_MAX], char *why)
{
	char history_why[STORE_WHY_MAX];

	why[0] = '\0';
	history_name(name, 0);
	int result = store_read(directory, name, ret_entry, why);
	if (result == 0 || result == -ENOENT)
		return result;
	for (int i = 1; i <= STORE_HISTORY; i++) {
		history_name(name, i);
		if (store_read(directory, name, ret_entry, history_why) == 0)
			return 0;
	}
	name[0] = '\0';
	return -EBADMSG;
}

static int
write_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, bytes, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		bytes += n;
		length -= (size_t)n;
	}
	return 0;
}

/* A whole new file beside the old one; on any failure it is removed and nothing has changed. */
static int
write_temporary(int directory, const char *name, const struct text *text, bool sync)
{
	/* A leftover of an earlier death may have any owner bits: make it anew. */
	unlinkat(directory, name, 0);
	int fd =
	    openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	int result = write_all(fd, text->data, text->length);
	if (result == 0 && sync && fsync(fd) < 0)
		result = -errno;
	if (close(fd) < 0 && result == 0)
		result = -errno;
	if (result < 0)
		unlinkat(directory, name, 0);
	FAILPOINT(file_written);
	return result;
}

/* fsync needs a descriptor that is not O_PATH. */
static int
sync_directory(int directory)
{
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int result = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return result;
}

/* Makes room at startup-config.1; startup-config itself stays where it is. */
static int
rotate(int directory)
{
	char from[STORE_NAME_MAX];
	char to[STORE_NAME_MAX];

	for (int i = STORE_HISTORY - 1; i >= 1; i--) {
		history_name(from, i);
		history_name(to, i + 1);
		if (renameat(directory, from, directory, to) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

/* Copies by link, so that the name startup-config never vanishes meanwhile.  The link comes first: it
 * takes room, and the history is not to move up for a save that finds none. */
static int
push_history(int directory)
{
	static const char previous[] = STORE_STARTUP STORE_PREVIOUS;
	char first[STORE_NAME_MAX];

	if (faccessat(directory, STORE_STARTUP, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	unlinkat(directory, previous, 0);
	if (linkat(directory, STORE_STARTUP, directory, previous, 0) < 0)
		return -errno;
	history_name(first, 1);
	int result = rotate(directory);
	if (result == 0 && renameat(directory, previous, directory, first) < 0)
		result = -errno;
	if (result < 0)
		unlinkat(directory, previous, 0);
	return result;
}

static int
fill_digest(struct store_entry *entry, const struct lines *lines)
{
	return lines_digest(lines, entry->digest) ? 0 : -ENOMEM;
}

int
store_stamp(struct store_entry *entry, const struct lines *lines, const char *by)
{
	time_t now = time(NULL);
	struct tm parts;

	if (gmtime_r(&now, &parts) == NULL ||
	    strftime(entry->saved, sizeof(entry->saved), "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
		return -EOVERFLOW;
	snprintf(entry->by, sizeof(entry->by), "%s", by);
	return fill_digest(entry, lines);
}

/* The highest serial and epoch of what is there, damaged files aside. */
static void
find_highest(int directory, struct store_entry *entry)
{
	char name[STORE_NAME_MAX];
	char why[STORE_WHY_MAX];

	for (int i = 0; i <= STORE_HISTORY; i++) {
		struct store_entry old;

		history_name(name, i);
		if (store_read(directory, name, &old, why) < 0)
			continue;
		if (old.serial > entry->serial)
			entry->serial = old.serial;
		if (old.epoch > entry->epoch)
			entry->epoch = old.epoch;
		store_entry_free(&old);
	}
}

/* The entry as startup-config; the one before goes to the history. */
static int
put(int directory, const struct store_entry *entry, const struct lines *lines, size_t *ret_bytes)
{
	struct text text;
	int result;

	text_init(&text, STORE_FILE_MAX);
	store_format_write(&text, entry, lines);
	result = text.overflow
		     ? -EFBIG
		     : write_temporary(directory, STORE_STARTUP STORE_TEMPORARY, &text, true);
	*ret_bytes = text.length;
	text_free(&text);
	if (result < 0)
		return result;

	result = push_history(directory);
	FAILPOINT(file_linked);
	if (result == 0 &&
	    renameat(directory, STORE_STARTUP STORE_TEMPORARY, directory, STORE_STARTUP) < 0)
		result = -errno;
	if (result < 0) {
		unlinkat(directory, STORE_STARTUP STORE_TEMPORARY, 0);
		return result;
	}
	FAILPOINT(file_placed);
	return sync_directory(directory);
}

int
store_save(int directory, const struct lines *lines, const char *by, uint64_t epoch,
    struct store_entry *ret_entry, size_t *ret_bytes)
{
	*ret_entry = (struct store_entry){0};
	find_highest(directory, ret_entry);
	if (ret_entry->serial >= INT32_MAX || epoch > INT32_MAX)
		return -EOVERFLOW;
	ret_entry->serial++;
	if (epoch > ret_entry->epoch)
		ret_entry->epoch = (uint32_t)epoch;
	int result = store_stamp(ret_entry, lines, by);

	return result < 0 ? result : put(directory, ret_entry, lines, ret_bytes);
}

static bool
is_newer(const struct store_entry *entry, const struct store_entry *than)
{
	return entry->epoch != than->epoch ? entry->epoch > than->epoch
					   : entry->serial > than->serial;
}

int
store_take(int directory, struct store_entry *entry)
{
	struct store_entry own;
	char why[STORE_WHY_MAX];
	size_t bytes;

	if (entry->serial > INT32_MAX || entry->epoch > INT32_MAX)
		return -EOVERFLOW;
	if (store_read(directory, STORE_STARTUP, &own, why) == 0) {
		bool newer = is_newer(entry, &own);

		store_entry_free(&own);
		if (!newer)
			return -EALREADY;
	}
	int result = fill_digest(entry, &entry->lines);
	return result < 0 ? result : put(directory, entry, &entry->lines, &bytes);
}

int
store_erase(int directory)
{
	char first[STORE_NAME_MAX];

	if (faccessat(directory, STORE_STARTUP, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	int result = rotate(directory);
	FAILPOINT(file_erased);
	if (result < 0)
		return result;
	history_name(first, 1);
	if (renameat(directory, STORE_STARTUP, directory, first) < 0)
		return -errno;
	return sync_directory(directory);
}

int
store_put(int directory, const char *name, const struct store_entry *entry,
    const struct lines *lines, bool sync)
{
	char temporary[STORE_NAME_MAX + sizeof(STORE_TEMPORARY)];
	struct text text;
	int result;

	snprintf(temporary, sizeof(temporary), "%s" STORE_TEMPORARY, name);
	text_init(&text, STORE_FILE_MAX);
	store_format_write(&text, entry, lines);
	result = text.overflow ? -EFBIG : write_temporary(directory, temporary, &text, sync);
	text_free(&text);
	if (result < 0)
		return result;
	if (renameat(directory, temporary, directory, name) < 0) {
		result = -errno;
		unlinkat(directory, temporary, 0);
		return result;
	}
	FAILPOINT(file_placed);
	return sync ? sync_directory(directory) : 0;
}

int
store_keep_running(int directory, const struct lines *lines, uint64_t tag)
{
	struct store_entry entry = {.tag = tag};
	int result = store_stamp(&entry, lines, "");

	return result < 0 ? result : store_put(directory, STORE_RUNNING, &entry, lines, false);
}

int
store_remove(int directory, const char *name)
{
	return unlinkat(directory, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}
