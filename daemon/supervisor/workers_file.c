#include "daemon/supervisor/workers_file.h"

#include "daemon/supervisor/own_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADLINE "smtpguard workers 1"

/* "manager 4294967295 2147483647 18446744073709551615\n" */
_Static_assert(sizeof(HEADLINE) + WORKERS_FILE_ENTRIES * 51 < WORKERS_FILE_BYTES, "it fits");

static const char *const kinds[WORKERS_FILE_KINDS] = {"worker ", "manager ", "sync ", "gate "};

size_t
workers_file_format(const struct workers_file *file, char *text, size_t size)
{
	size_t length = (size_t)snprintf(text, size, HEADLINE "\n");

	for (unsigned i = 0; i < file->count; i++) {
		const struct workers_file_entry *entry = &file->entry[i];

		length += (size_t)snprintf(text + length, size - length, "%s%u %d %" PRIu64 "\n",
		    kinds[entry->kind], entry->index, entry->pid, entry->started);
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

	unsigned kind = 0;

	while (kind < WORKERS_FILE_KINDS && !take_word(text, kinds[kind]))
		kind++;
	if (kind == WORKERS_FILE_KINDS)
		return false;
	entry->kind = (enum workers_file_kind)kind;
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

	return own_file_write(directory, WORKERS_FILE_NAME, text, length);
}

int
workers_file_read(int directory, struct workers_file *ret_file, unsigned *ret_line)
{
	char text[WORKERS_FILE_BYTES];
	ssize_t length = own_file_read(directory, WORKERS_FILE_NAME, text, sizeof(text));

	*ret_file = (struct workers_file){0};
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
