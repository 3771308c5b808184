#include "daemon/supervisor/quarantine.h"

#include "shm/slot.h"
#include "shm/window.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Removes the oldest file if there are too many; false: there was nothing to remove. */
static bool
remove_oldest(int directory)
{
	char oldest[NAME_MAX + 1] = "";
	struct timespec oldest_time = {0};
	struct dirent *entry;
	unsigned count = 0;
	int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = copy < 0 ? NULL : fdopendir(copy);

	if (!stream) {
		if (copy >= 0)
			close(copy);
		return false;
	}
	while ((entry = readdir(stream))) {
		struct stat status;

		if (entry->d_name[0] == '.' ||
		    fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		count++;
		if (oldest[0] == '\0' || status.st_mtim.tv_sec < oldest_time.tv_sec ||
		    (status.st_mtim.tv_sec == oldest_time.tv_sec &&
			status.st_mtim.tv_nsec < oldest_time.tv_nsec)) {
			oldest_time = status.st_mtim;
			snprintf(oldest, sizeof(oldest), "%s", entry->d_name);
		}
	}
	closedir(stream);
	return count > QUARANTINE_KEPT && unlinkat(directory, oldest, 0) == 0;
}

/*
 * From the step's position on, if there is that much; else the last bytes that were received.
 * The window is the dead worker's writing: it is copied, then checked, then used.
 */
static uint32_t
copy_input(const struct shm *shm, uint32_t slot, const struct slot_custody *custody,
    uint64_t input_end, uint8_t *bytes, uint64_t *ret_position)
{
	struct window window;
	uint64_t first, end, start;
	uint32_t length;

	memcpy(&window, &shm_session(shm, slot)->input[custody->mark_direction], sizeof(window));
	if (!window_check(&window, shm, slot) || window_is_empty(&window))
		return 0;
	first = window_start(&window);
	end = window_end(&window) < input_end ? window_end(&window) : input_end;
	start = custody->mark_position;
	if (start < first || start > end)
		return 0;
	if (end - start < QUARANTINE_INPUT)
		start = end - first < QUARANTINE_INPUT ? first : end - QUARANTINE_INPUT;
	length = end - start < QUARANTINE_INPUT ? (uint32_t)(end - start) : QUARANTINE_INPUT;
	if (!window_read(&window, shm, start, bytes, length))
		return 0;
	*ret_position = start;
	return length;
}

static bool
begins_auth(const uint8_t *line, size_t length)
{
	static const char verb[] = "AUTH";

	while (length > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		length--;
	}
	for (size_t i = 0; i < sizeof(verb) - 1; i++)
		if (i >= length || (line[i] & 0xdf) != verb[i])
			return false;
	return true;
}

/* What base64 is written with; line ends and what may have been fatal stay as they are. */
static void
hide(uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		uint8_t letter = bytes[i] & 0xdf;

		if ((letter >= 'A' && letter <= 'Z') || (bytes[i] >= '0' && bytes[i] <= '9') ||
		    bytes[i] == '+' || bytes[i] == '/' || bytes[i] == '=')
			bytes[i] = 'x';
	}
}

/*
 * RECORD_SECRET speaks of what was committed; the fatal step itself may be the one that met AUTH.
 * Everything behind such a line's beginning may be credentials, also the lines that follow.
 */
static void
hide_credentials(uint8_t *input, size_t length)
{
	for (size_t at = 0; at < length; at++) {
		if ((at == 0 || input[at - 1] == '\n' || input[at - 1] == '\r') &&
		    begins_auth(input + at, length - at)) {
			hide(input + at, length - at);
			return;
		}
	}
}

static int
write_file(int directory, const char *name, const struct iovec *parts, int count)
{
	ssize_t length = 0;
	int r = 0, fd;

	unlinkat(directory, name, 0);
	fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	for (int i = 0; i < count; i++)
		length += (ssize_t)parts[i].iov_len;
	errno = ENOSPC; /* if it takes a part only */
	if (writev(fd, parts, count) != length) {
		r = -errno;
		unlinkat(directory, name, 0);
	}
	close(fd);
	return r;
}

int
quarantine_write(const struct shm *shm, int directory, uint32_t slot, uint64_t input_end,
    char *name, size_t name_size)
{
	const struct slot_custody *custody = shm_custody(shm, slot);
	struct record record = {0};
	uint8_t input[QUARANTINE_INPUT];
	bool known = record_read(shm_session(shm, slot),
	    atomic_load_explicit(&custody->generation, memory_order_relaxed), &record);
	struct quarantine_header header = {
	    .magic = QUARANTINE_MAGIC,
	    .session_id = custody->session_id,
	    .position = custody->mark_position,
	    .direction = custody->mark_direction,
	    .custody_size = sizeof(*custody),
	    .record_size = sizeof(record),
	};
	struct iovec parts[] = {
	    {&header, sizeof(header)},
	    {(void *)(uintptr_t)custody, sizeof(*custody)},
	    {&record, sizeof(record)},
	    {input, 0},
	};
	int r;

	if (!known || !(record.flags & RECORD_SECRET))
		header.input_size =
		    copy_input(shm, slot, custody, input_end, input, &header.position);
	hide_credentials(input, header.input_size);
	parts[3].iov_len = header.input_size;
	snprintf(name, name_size, "%016" PRIx64 ".bin", custody->session_id);
	r = write_file(directory, name, parts, sizeof(parts) / sizeof(parts[0]));
	if (r < 0)
		return r;
	for (int i = 0; i < QUARANTINE_KEPT && remove_oldest(directory); i++)
		continue;
	return (int)strlen(name);
}
