#include "daemon/sync/epoch.h"

#include "shm/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADLINE   "smtpguard epoch 1\n"
#define TEMPORARY  EPOCH_FILE ".new"
#define FILE_BYTES 128
#define CHECK_KEY  "check "

/* The longest: two numbers of 15 digits, the check's 16. */
_Static_assert(sizeof(HEADLINE) + 6 + 16 + 5 + 16 + sizeof(CHECK_KEY) + 17 < FILE_BYTES, "fits");
_Static_assert(EPOCH_MAX < 1000000000000000ull, "numbers have at most 15 digits");

unsigned
epoch_side(uint64_t number)
{
	return number & 1;
}

uint64_t
epoch_next(uint64_t above, unsigned side)
{
	uint64_t next = above < EPOCH_MAX ? above + 1 : EPOCH_MAX;

	if (epoch_side(next) != (side & 1))
		next++;
	return next > above && next <= EPOCH_MAX ? next : 0;
}

int32_t
epoch_track_value(const struct epoch *epoch)
{
	uint64_t above = epoch->number > epoch->base ? epoch->number - epoch->base : 0;

	return above < EPOCH_TRACK_MAX ? (int32_t)above : EPOCH_TRACK_MAX;
}

static size_t
format(const struct epoch *epoch, char text[FILE_BYTES])
{
	size_t length = (size_t)snprintf(text, FILE_BYTES,
	    HEADLINE "epoch %" PRIu64 "\nbase %" PRIu64 "\n", epoch->number, epoch->base);

	return length + (size_t)snprintf(text + length, FILE_BYTES - length,
			    CHECK_KEY "%016" PRIx64 "\n", record_checksum_bytes(text, length));
}

static bool
take_number(const char **text, const char *key, uint64_t *ret_number)
{
	size_t key_length = strlen(key);
	char *end;

	if (strncmp(*text, key, key_length) != 0)
		return false;
	*text += key_length;
	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	*ret_number = strtoull(*text, &end, 10);
	if (errno != 0 || *end != '\n' || *ret_number > EPOCH_MAX)
		return false;
	*text = end + 1;
	return true;
}

/* What is read must be, byte for byte, what would be written for it; that covers the check. */
static bool
parse(const char *text, size_t length, struct epoch *epoch)
{
	char wanted[FILE_BYTES];
	const char *at = text;

	if (strncmp(at, HEADLINE, strlen(HEADLINE)) != 0)
		return false;
	at += strlen(HEADLINE);
	return take_number(&at, "epoch ", &epoch->number) &&
	       take_number(&at, "base ", &epoch->base) && epoch->base <= epoch->number &&
	       format(epoch, wanted) == length && memcmp(wanted, text, length) == 0;
}

static int
failed(char *why, int error, const char *what)
{
	snprintf(why, EPOCH_WHY_MAX, EPOCH_FILE ": %s: %s", what, strerror(error));
	return -error;
}

static int
damaged(char *why)
{
	snprintf(why, EPOCH_WHY_MAX,
	    EPOCH_FILE ": is damaged; the host does not know which epoch it has seen");
	return -EBADMSG;
}

int
epoch_read(int directory, struct epoch *ret_epoch, char *why)
{
	char text[FILE_BYTES];
	struct stat status;
	int fd = openat(directory, EPOCH_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	*ret_epoch = (struct epoch){0};
	if (fd < 0)
		return failed(why, errno, "cannot be opened");
	ssize_t length = -1;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
		length = read(fd, text, sizeof(text) - 1);
	else
		errno = EINVAL;
	int error = errno;
	close(fd);
	if (length < 0)
		return failed(why, error, "cannot be read");
	text[length] = '\0';
	if (parse(text, (size_t)length, ret_epoch))
		return 0;
	*ret_epoch = (struct epoch){0};
	return damaged(why);
}

static int
write_temporary(int directory, const struct epoch *epoch, char *why)
{
	char text[FILE_BYTES];
	size_t length = format(epoch, text);

	/* A leftover of an earlier death may have any owner bits: make it anew. */
	unlinkat(directory, TEMPORARY, 0);
	int fd = openat(
	    directory, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return failed(why, errno, "cannot be written");
	errno = EIO; /* of a short write */
	int error = write(fd, text, length) == (ssize_t)length && fsync(fd) == 0 ? 0 : errno;
	if (close(fd) < 0 && error == 0)
		error = errno;
	if (error == 0)
		return 0;
	unlinkat(directory, TEMPORARY, 0);
	return failed(why, error, "cannot be written");
}

static int
sync_directory(int directory, char *why)
{
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return failed(why, errno, "its folder cannot be synced");
	int error = fsync(fd) < 0 ? errno : 0;
	close(fd);
	return error == 0 ? 0 : failed(why, error, "its folder cannot be synced");
}

int
epoch_write(int directory, const struct epoch *epoch, char *why)
{
	struct epoch there;
	int result = epoch_read(directory, &there, why);

	if (result < 0 && result != -ENOENT)
		return result;
	if (epoch->number > EPOCH_MAX || epoch->base > epoch->number)
		return failed(why, EINVAL, "cannot be written");
	if (epoch->number < there.number) {
		snprintf(why, EPOCH_WHY_MAX, EPOCH_FILE ": %" PRIu64 " would go back from %" PRIu64,
		    epoch->number, there.number);
		return -ESTALE;
	}
	result = write_temporary(directory, epoch, why);
	if (result < 0)
		return result;
	if (renameat(directory, TEMPORARY, directory, EPOCH_FILE) < 0) {
		int error = errno;
		unlinkat(directory, TEMPORARY, 0);
		return failed(why, error, "cannot be replaced");
	}
	return sync_directory(directory, why);
}
