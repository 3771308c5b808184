#include "daemon/supervisor/process_stat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* proc_pid_stat(5): numbers of the fields, the first is 1. */
#define FIELD_STATE   3
#define FIELD_STARTED 22
#define FIELD_EXIT    52

#define LINE_MAX_BYTES 2048

/* The fields from FIELD_STATE on, none of which holds a space. */
static const char *
field(const char *state, int number)
{
	for (int i = FIELD_STATE; i < number && state; i++) {
		state = strchr(state, ' ');
		if (state)
			state++;
	}
	return state;
}

static bool
number_at(const char *state, int number, uint64_t *ret_value)
{
	const char *text = field(state, number);
	char *end;

	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret_value = strtoull(text, &end, 10);
	return errno == 0 && (*end == ' ' || *end == '\n' || *end == '\0');
}

bool
process_stat_parse(const char *line, struct process_stat *ret_stat)
{
	/* The name before it may hold anything, parentheses too. */
	const char *state = strrchr(line, ')');
	uint64_t status;

	if (!state || state[1] != ' ' || state[2] == '\0' || state[3] != ' ')
		return false;
	state += 2;
	*ret_stat = (struct process_stat){.state = *state};
	if (!number_at(state, FIELD_STARTED, &ret_stat->started) ||
	    !number_at(state, FIELD_EXIT, &status))
		return false;
	ret_stat->exit_status = (int)(status & 0xffff);
	return true;
}

int
process_stat_read(pid_t pid, struct process_stat *ret_stat)
{
	char path[32], line[LINE_MAX_BYTES];
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	length = read(fd, line, sizeof(line) - 1);
	if (length < 0)
		length = -errno;
	close(fd);
	if (length < 0)
		return length == -ESRCH ? -ENOENT : (int)length;
	line[length] = '\0';
	return process_stat_parse(line, ret_stat) ? 0 : -EPROTO;
}
