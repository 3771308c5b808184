#include "daemon/sync/key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIGITS	  (2u * KEY_SIZE)
#define FORBIDDEN (S_IXUSR | S_IWGRP | S_IXGRP | S_IRWXO)

static const char digits[] = "0123456789abcdef";

static int
refuse(int error, char why[KEY_WHY_MAX], const char *reason)
{
	snprintf(why, KEY_WHY_MAX, "%s", reason);
	return -error;
}

static int
check_file(int fd, char why[KEY_WHY_MAX])
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return refuse(errno, why, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return refuse(EBADMSG, why, "not an ordinary file");
	if (status.st_uid != 0 && status.st_uid != geteuid())
		return refuse(EPERM, why, "it belongs to another user");
	if ((status.st_mode & FORBIDDEN) != 0) {
		snprintf(why, KEY_WHY_MAX, "mode %04o; it must be 0600, or 0640",
		    (unsigned)(status.st_mode & 07777));
		return -EPERM;
	}
	return 0;
}

static bool
take_digit(char letter, uint8_t *nibble)
{
	if (letter >= '0' && letter <= '9')
		*nibble = (uint8_t)(letter - '0');
	else if (letter >= 'a' && letter <= 'f')
		*nibble = (uint8_t)(letter - 'a' + 10);
	else if (letter >= 'A' && letter <= 'F')
		*nibble = (uint8_t)(letter - 'A' + 10);
	else
		return false;
	return true;
}

static bool
take_digits(const char text[DIGITS], uint8_t key[KEY_SIZE])
{
	for (unsigned i = 0; i < KEY_SIZE; i++) {
		uint8_t high, low;

		if (!take_digit(text[2 * i], &high) || !take_digit(text[2 * i + 1], &low))
			return false;
		key[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static ssize_t
read_all(int fd, char *to, size_t size)
{
	size_t length = 0;

	while (length < size) {
		ssize_t got = pread(fd, to + length, size - length, (off_t)length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		length += (size_t)got;
	}
	return (ssize_t)length;
}

int
key_read(int fd, uint8_t ret_key[KEY_SIZE], char why[KEY_WHY_MAX])
{
	char text[DIGITS + 2]; /* digits, line end, and what must not be there */
	uint8_t key[KEY_SIZE];
	int result = check_file(fd, why);

	if (result != 0)
		return result;
	ssize_t length = read_all(fd, text, sizeof(text));
	if (length < 0)
		result = refuse((int)-length, why, strerror((int)-length));
	else if (length != DIGITS && !(length == DIGITS + 1 && text[DIGITS] == '\n'))
		result = refuse(EBADMSG, why, "not 64 hexadecimal digits and a line end");
	else if (!take_digits(text, key))
		result = refuse(EBADMSG, why, "something in it is no hexadecimal digit");
	else
		memcpy(ret_key, key, KEY_SIZE);
	explicit_bzero(text, sizeof(text));
	explicit_bzero(key, sizeof(key));
	return result;
}

static int
write_key(int fd)
{
	char text[DIGITS + 1];
	uint8_t key[KEY_SIZE];
	int result = 0;

	if (getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key))
		return -EIO;
	for (unsigned i = 0; i < KEY_SIZE; i++) {
		text[2 * i] = digits[key[i] >> 4];
		text[2 * i + 1] = digits[key[i] & 15];
	}
	text[DIGITS] = '\n';
	ssize_t written = write(fd, text, sizeof(text));
	if (written != (ssize_t)sizeof(text))
		result = written < 0 ? -errno : -ENOSPC;
	else if (fchmod(fd, S_IRUSR | S_IWUSR) != 0 || fsync(fd) != 0)
		result = -errno;
	explicit_bzero(text, sizeof(text));
	explicit_bzero(key, sizeof(key));
	return result;
}

int
key_generate(const char *path, char why[KEY_WHY_MAX])
{
	int fd =
	    open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);

	if (fd < 0 && errno == EEXIST)
		return refuse(EEXIST, why, "there is such a file: a key in use is not replaced");
	if (fd < 0)
		return refuse(errno, why, strerror(errno));
	int result = write_key(fd);
	if (close(fd) != 0 && result == 0)
		result = -errno;
	if (result != 0) {
		unlink(path);
		return refuse(-result, why, strerror(-result));
	}
	return 0;
}
