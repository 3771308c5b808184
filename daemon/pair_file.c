#include "daemon/pair_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAGIC	      0x3258545052494150ull /* "PAIRPTX2", little endian */
#define FILE_NAME_MAX 32

struct head {
	uint64_t magic;
	struct pair_file file;
};

static const char *const names[][PAIR_TEXT_KINDS] = {
    [PAIR_FILE_OUT] = {"pair-out-policies", "pair-out-confirm", "pair-out-running",
	"pair-out-startup", "pair-out-candidate"},
    [PAIR_FILE_IN] = {"pair-in-policies", "pair-in-confirm", "pair-in-running", "pair-in-startup",
	"pair-in-candidate"},
};

static bool
digest(const uint8_t *text, size_t length, uint8_t to[PAIR_DIGEST_SIZE])
{
	unsigned size = PAIR_DIGEST_SIZE;

	return EVP_Digest(text, length, to, &size, EVP_sha256(), NULL) == 1;
}

static int
write_new(int directory, const char *name, const struct head *head, const uint8_t *text)
{
	const struct iovec parts[] = {
	    {.iov_base = (void *)(uintptr_t)head, .iov_len = sizeof(*head)},
	    {.iov_base = (void *)(uintptr_t)text, .iov_len = head->file.length},
	};
	int result = 0;
	int fd;

	/* What an earlier one left may have any owner bits. */
	unlinkat(directory, name, 0);
	fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	ssize_t written = writev(fd, parts, 2);
	if (written < 0)
		result = -errno;
	else if ((size_t)written != sizeof(*head) + head->file.length)
		result = -ENOSPC;
	if (close(fd) < 0 && result == 0)
		result = -errno;
	return result;
}

int
pair_file_write(int directory, enum pair_file_way way, enum pair_text_kind kind,
    struct pair_file *file, const uint8_t *text, size_t length)
{
	const char *name = names[way][kind];
	char temporary[FILE_NAME_MAX];
	struct head head = {.magic = MAGIC};

	if (length > PAIR_FILE_MAX)
		return -EFBIG;
	file->length = (uint32_t)length;
	if (!digest(text, length, file->digest))
		return -ENOMEM;
	head.file = *file;
	snprintf(temporary, sizeof(temporary), "%s.new", name);
	int result = write_new(directory, temporary, &head, text);
	if (result == 0 && renameat(directory, temporary, directory, name) < 0)
		result = -errno;
	if (result < 0)
		unlinkat(directory, temporary, 0);
	return result;
}

/* Texts of the head end. */
static bool
head_holds(const struct head *head, off_t size)
{
	const struct pair_file *file = &head->file;

	return head->magic == MAGIC && file->length <= PAIR_FILE_MAX &&
	       size == (off_t)(sizeof(*head) + file->length) &&
	       memchr(file->saved, '\0', sizeof(file->saved)) != NULL &&
	       memchr(file->by, '\0', sizeof(file->by)) != NULL;
}

static int
read_open(int fd, struct pair_file *file, uint8_t **ret_text)
{
	uint8_t computed[PAIR_DIGEST_SIZE];
	struct stat status;
	struct head head;
	uint8_t *text;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode) || read(fd, &head, sizeof(head)) != sizeof(head) ||
	    !head_holds(&head, status.st_size))
		return -EBADMSG;
	text = malloc(head.file.length + 1);
	if (text == NULL)
		return -ENOMEM;
	if (read(fd, text, head.file.length) != (ssize_t)head.file.length ||
	    !digest(text, head.file.length, computed) ||
	    memcmp(computed, head.file.digest, sizeof(computed)) != 0) {
		free(text);
		return -EBADMSG;
	}
	text[head.file.length] = '\0';
	*file = head.file;
	*ret_text = text;
	return 0;
}

int
pair_file_read(int directory, enum pair_file_way way, enum pair_text_kind kind,
    struct pair_file *ret_file, uint8_t **ret_text)
{
	int fd =
	    openat(directory, names[way][kind], O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int result;

	if (fd < 0)
		return -errno;
	result = read_open(fd, ret_file, ret_text);
	close(fd);
	return result;
}
