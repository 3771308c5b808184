#include "daemon/sync/notify_fifo.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define READS 16 /* at one wake-up */

static void
take_line(struct notify_fifo *fifo, struct notify_line *line)
{
	fifo->has_groups |= line->group;
	if (fifo->has_groups && !line->group)
		return;
	if (line->state == NOTIFY_DELETED)
		line->state = NOTIFY_STOP;
	if (line->state <= NOTIFY_STOP)
		fifo->calls->word(fifo, line);
}

static void
take_bytes(struct notify_fifo *fifo, const char *bytes, size_t length)
{
	struct notify_line line;
	const char *why = "";
	size_t used;

	for (;;) {
		enum notify_result result =
		    notify_reader_take(&fifo->reader, bytes, length, &used, &line, &why);

		bytes += used;
		length -= used;
		if (result == NOTIFY_MORE)
			return;
		if (result == NOTIFY_LINE)
			take_line(fifo, &line);
		else if (result == NOTIFY_BAD)
			fifo->calls->bad(fifo, why);
	}
}

static void
ready(struct loop_source *source, uint32_t events)
{
	struct notify_fifo *fifo =
	    (struct notify_fifo *)((char *)source - offsetof(struct notify_fifo, source));
	char bytes[512];

	(void)events;
	for (int i = 0; i < READS; i++) {
		ssize_t length = read(source->fd, bytes, sizeof(bytes));

		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0 && errno == EAGAIN)
			return;
		if (length <= 0) {
			/* It would be ready for ever. */
			loop_remove(fifo->loop, source);
			fifo->calls->bad(fifo, length < 0 ? strerror(errno) : "end of file");
			return;
		}
		take_bytes(fifo, bytes, (size_t)length);
	}
}

int
notify_fifo_open(
    struct notify_fifo *fifo, struct loop *loop, int fd, const struct notify_fifo_calls *calls)
{
	*fifo = (struct notify_fifo){.source = {fd, ready}, .loop = loop, .calls = calls};
	notify_reader_start(&fifo->reader);
	return loop_add(loop, &fifo->source, EPOLLIN);
}
