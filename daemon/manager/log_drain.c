#include "daemon/manager/log_drain.h"

#include "daemon/manager/event_format.h"
#include "shm/counters.h"
#include "shm/gateway_clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CURSOR_MAGIC	   0x5347435552534f52ull
#define REFILL_EACH_WRITER 200u
#define EVENT_LOST	   109035u

struct cursor_file {
	uint64_t magic;
	uint64_t tag;
	uint64_t cursor[SHM_WRITERS_MAX];
};

static int
compare_time(const void *one, const void *other)
{
	const struct event *a = one;
	const struct event *b = other;

	if (a->realtime_us != b->realtime_us)
		return a->realtime_us < b->realtime_us ? -1 : 1;
	return (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

static void
read_cursors(struct log_drain *drain)
{
	struct cursor_file file;

	if (drain->file < 0 || pread(drain->file, &file, sizeof(file), 0) != sizeof(file) ||
	    file.magic != CURSOR_MAGIC || file.tag != drain->tag)
		return;
	memcpy(drain->cursor, file.cursor, sizeof(drain->cursor));
}

static bool
open_cursors(struct log_drain *drain)
{
	if (drain->file < 0)
		drain->file = openat(drain->directory, LOG_DRAIN_CURSOR,
		    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return drain->file >= 0;
}

/* Cursors that cannot be noted cost events logged twice after a restart, nothing else. */
static void
complain(struct log_drain *drain, bool good)
{
	if (!good && !drain->complained)
		fprintf(stderr, "smtpguard-manager: %s: %s\n", LOG_DRAIN_CURSOR, strerror(errno));
	drain->complained = !good;
}

static void
write_cursors(struct log_drain *drain)
{
	struct cursor_file file = {.magic = CURSOR_MAGIC, .tag = drain->tag};

	memcpy(file.cursor, drain->cursor, sizeof(file.cursor));
	errno = ENOSPC; /* if it takes a part only */
	complain(drain,
	    open_cursors(drain) && pwrite(drain->file, &file, sizeof(file), 0) == sizeof(file));
}

/* Up to `most` events of one ring, from *cursor on but not beyond `end`. */
static unsigned
read_ring(const struct log_drain *drain, unsigned writer, uint64_t *cursor, uint64_t end,
    struct event *events, unsigned most, uint64_t *lost)
{
	const struct event_ring *ring = shm_events(drain->shm, writer);
	unsigned count = 0;

	while (ring != NULL && count < most && *cursor < end &&
	       event_ring_read(ring, cursor, &events[count], lost))
		count++;
	return count;
}

/* What the dead manager had logged is shown again by `show events`, but not logged again. */
static void
refill(struct log_drain *drain)
{
	struct event *events = calloc(SHM_WRITERS_MAX * REFILL_EACH_WRITER, sizeof(*events));
	uint64_t lost = 0;
	unsigned count = 0;

	if (events == NULL)
		return;
	for (unsigned writer = 0; writer < SHM_WRITERS_MAX; writer++) {
		uint64_t end = drain->cursor[writer];
		uint64_t cursor = end > REFILL_EACH_WRITER ? end - REFILL_EACH_WRITER : 0;

		count += read_ring(
		    drain, writer, &cursor, end, events + count, REFILL_EACH_WRITER, &lost);
	}
	qsort(events, count, sizeof(*events), compare_time);
	for (unsigned i = 0; i < count; i++)
		event_log_add(drain->log, &events[i]);
	free(events);
}

int
log_drain_open(struct log_drain *drain, const struct shm *shm, struct log_target *target,
    struct event_log *log, int directory, uint64_t tag)
{
	*drain = (struct log_drain){.shm = shm,
	    .target = target,
	    .log = log,
	    .directory = directory,
	    .file = -1,
	    .tag = tag};
	text_init(&drain->message, EVENT_FORMAT_MAX);
	drain->batch = calloc(LOG_DRAIN_BATCH, sizeof(*drain->batch));
	if (drain->batch == NULL)
		return -ENOMEM;
	complain(drain, open_cursors(drain));
	read_cursors(drain);
	refill(drain);
	return 0;
}

void
log_drain_close(struct log_drain *drain)
{
	if (drain->file >= 0)
		close(drain->file);
	drain->file = -1;
	free(drain->batch);
	drain->batch = NULL;
	text_free(&drain->message);
}

static unsigned
write_event(
    struct log_drain *drain, const struct event *event, const struct event_description *description)
{
	text_clear(&drain->message);
	event_format_message(&drain->message, event, description);
	return log_target_write(drain->target, event, description, &drain->message);
}

static void
hand_on(struct log_drain *drain, const struct event *event, uint64_t *lost)
{
	const struct event_description *description = event_describe(event->id);

	/* An id that is not in the catalogue was written by a damaged process. */
	if (description == NULL)
		return;
	*lost += write_event(drain, event, description);
	event_log_add(drain->log, event);
}

/* By itself, so that it is known whether it was taken; as long as it is not, nothing is told. */
static void
tell_lost(struct log_drain *drain)
{
	uint64_t now_ms = monotonic_now_ms();
	struct event event;

	if (drain->untold == 0 || now_ms - drain->told_ms < LOG_DRAIN_TELL_MS)
		return;
	drain->told_ms = now_ms;
	event_init(&event, EVENT_LOST, 0);
	event.number[0] = drain->untold;
	if (write_event(drain, &event, event_describe(EVENT_LOST)) != 0 ||
	    log_target_flush(drain->target) != 0)
		return;
	event_log_add(drain->log, &event);
	drain->untold = 0;
}

unsigned
log_drain_pass(struct log_drain *drain, void (*follow)(void *context, const struct event *event),
    void *context)
{
	uint64_t lost = 0;
	unsigned count = 0;

	/* Each pass begins with another ring, so that a busy one cannot starve the rest. */
	for (unsigned i = 0; i < SHM_WRITERS_MAX; i++) {
		unsigned writer = (drain->first + i) % SHM_WRITERS_MAX;

		count += read_ring(drain, writer, &drain->cursor[writer], UINT64_MAX,
		    drain->batch + count, LOG_DRAIN_BATCH - count, &lost);
	}
	drain->first = (drain->first + 1) % SHM_WRITERS_MAX;
	qsort(drain->batch, count, sizeof(*drain->batch), compare_time);
	for (unsigned i = 0; i < count; i++) {
		hand_on(drain, &drain->batch[i], &lost);
		if (follow != NULL)
			follow(context, &drain->batch[i]);
	}
	lost += log_target_flush(drain->target);
	if (lost > 0)
		counter_add(
		    shm_counters(drain->shm, SHM_WRITER_MANAGER), COUNTER_events_lost, lost);
	drain->untold += lost;
	tell_lost(drain);
	if (count > 0 || lost > 0)
		write_cursors(drain);
	return count;
}
