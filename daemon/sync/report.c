#include "daemon/sync/report.h"

#include <stdio.h>
#include <string.h>

bool
report_is_new(struct report *report, uint64_t now_us, const char *text)
{
	unsigned oldest = 0;

	for (unsigned i = 0; i < REPORT_TEXTS; i++) {
		if (report->text[i].told_us < report->text[oldest].told_us)
			oldest = i;
		if (report->text[i].told_us != 0 &&
		    now_us - report->text[i].told_us < REPORT_AGAIN_US &&
		    strncmp(report->text[i].words, text, REPORT_TEXT_MAX - 1) == 0)
			return false;
	}
	report->text[oldest].told_us = now_us;
	snprintf(report->text[oldest].words, REPORT_TEXT_MAX, "%s", text);
	return true;
}

void
report_forget(struct report *report)
{
	for (unsigned i = 0; i < REPORT_TEXTS; i++)
		report->text[i].told_us = 0;
}

static void
add(struct event *event, const char *text)
{
	if (text != NULL)
		event_add_text(event, text, strlen(text));
}

void
report_tell(
    struct event_ring *ring, uint32_t id, const char *text0, const char *text1, uint64_t number0)
{
	struct event event;

	event_init(&event, id, 0);
	add(&event, text0);
	add(&event, text1);
	event.number[0] = number0;
	event_ring_write(ring, &event);
}

void
report_tell_of(
    struct event_ring *ring, uint32_t id, const struct shm_endpoint *client, const char *text0)
{
	struct event event;

	event_init(&event, id, 0);
	event.client = *client;
	add(&event, text0);
	event_ring_write(ring, &event);
}
