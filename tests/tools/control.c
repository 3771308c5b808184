#include "tests/tools/control.h"

#include "tests/tools/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static struct loop_watch watch = {.fd = -1};
static void (*execute)(char *line);
static char input[4096];
static size_t input_length;

static void
control_ready(struct loop_watch *self, uint32_t events)
{
	ssize_t count = read(STDIN_FILENO, input + input_length, sizeof(input) - input_length);
	char *end;

	(void)events;
	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count <= 0) {
		char stop[] = "stop";

		loop_unwatch(self);
		execute(stop);
		return;
	}
	input_length += (size_t)count;
	while ((end = memchr(input, '\n', input_length)) != NULL) {
		size_t length = (size_t)(end - input) + 1;

		*end = '\0';
		execute(input);
		input_length -= length;
		memmove(input, input + length, input_length);
	}
	if (input_length == sizeof(input))
		input_length = 0; /* no command is so long */
}

void
control_open(void (*command)(char *line))
{
	execute = command;
	watch.ready = control_ready;
	fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
	loop_watch(&watch, STDIN_FILENO, EPOLLIN);
}
