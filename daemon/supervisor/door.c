#include "daemon/supervisor/door.h"

#include "daemon/supervisor/door_netlink.h"
#include "daemon/supervisor/supervisor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static bool
is_configured(const struct supervisor *supervisor)
{
	return supervisor->settings.failover.line != 0;
}

static void
tell(const struct supervisor *supervisor, uint32_t id, const char *text, const char *more)
{
	struct event event;

	event_init(&event, id, 0);
	event_add_text(&event, text, strlen(text));
	event_add_text(&event, more, strlen(more));
	supervisor_event(supervisor, &event);
}

static bool
is_as_wanted(const struct door_status *status)
{
	for (unsigned i = 0; i < DOOR_FAMILIES; i++)
		if (status->state[i] != DOOR_ABSENT && status->state[i] != status->wanted)
			return false;
	return true;
}

/* What has become of it since it was published last. */
static void
tell_change(const struct supervisor *supervisor, const struct door_status *before,
    const struct door_status *now)
{
	if (strcmp(before->fault, now->fault) == 0)
		return;
	if (now->fault[0] != '\0')
		tell(supervisor, 109070, now->fault, "");
	else
		tell(supervisor, 109071, "", "");
}

static void
publish(struct supervisor *supervisor, const struct door_status *status)
{
	struct door *door = &supervisor->door;

	tell_change(supervisor, &door->status, status);
	door->status = *status;
	door->known = status->fault[0] == '\0';
	door_view_publish(shm_door_view(&supervisor->shm), status);
}

/* The kernel does not say how it stands. */
static void
set_unknown(const struct supervisor *supervisor, struct door_status *status, int error)
{
	unsigned families = door_families(&supervisor->settings.failover);

	for (unsigned i = 0; i < DOOR_FAMILIES; i++)
		status->state[i] = families & DOOR_BIT(i) ? DOOR_FAULT : DOOR_ABSENT;
	snprintf(status->fault, sizeof(status->fault), "nftables cannot be asked: %s%s",
	    strerror(-error), error == -EPERM ? " (CAP_NET_ADMIN is needed)" : "");
}

static void
look(struct supervisor *supervisor, struct door_status *status)
{
	struct door_reading reading;
	int r = door_netlink_generation(&supervisor->door.generation);

	if (r == 0)
		r = door_netlink_read(&reading);
	if (r == 0)
		door_plan_compare(&supervisor->settings.failover, &reading, status);
	else
		set_unknown(supervisor, status, r);
}

static uint64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Makes it as it is wanted, if what is there lets it, and sees whether it is. */
static int
move(struct supervisor *supervisor, struct door_status *status)
{
	uint64_t began_ns = now_ns(), took_ns;
	int r = status->wanted == DOOR_OPEN
		    ? door_netlink_open(door_families(&supervisor->settings.failover))
		    : door_netlink_close();

	took_ns = now_ns() - began_ns;
	if (r == 0) {
		status->moved_ns = took_ns < UINT32_MAX ? (uint32_t)took_ns : UINT32_MAX;
		status->moved_us = realtime_now_us();
	}
	look(supervisor, status);
	if (r == 0 && (status->fault[0] != '\0' || !is_as_wanted(status)))
		r = -ENOENT;
	return r;
}

static void
tell_moved(const struct supervisor *supervisor, const struct door_status *status, int error)
{
	const char *word = door_state_word(status->wanted);
	struct event event;

	if (error != 0) {
		tell(supervisor, 109074, word, strerror(-error));
		return;
	}
	event_init(&event, 109073, 0);
	event_add_text(&event, word, strlen(word));
	event.number[0] = status->moved_ns / 1000;
	supervisor_event(supervisor, &event);
}

int
door_move(struct supervisor *supervisor, enum door_state wanted)
{
	struct door_status status = supervisor->door.status;
	int r;

	if (!is_configured(supervisor))
		return -EINVAL;
	status.wanted = wanted;
	r = move(supervisor, &status);
	publish(supervisor, &status);
	tell_moved(supervisor, &status, r);
	return r;
}

/* Somebody else has opened or closed it, or it was made anew. */
static void
put_right(struct supervisor *supervisor, struct door_status *status)
{
	char found[32];
	int r;

	snprintf(found, sizeof(found), "%s",
	    door_state_word(status->wanted == DOOR_OPEN ? DOOR_CLOSED : DOOR_OPEN));
	r = move(supervisor, status);
	if (r == 0)
		tell(supervisor, 109072, found, door_state_word(status->wanted));
	else
		tell_moved(supervisor, status, r);
}

static void
look_and_put_right(struct supervisor *supervisor)
{
	struct door_status status = supervisor->door.status;

	look(supervisor, &status);
	if (status.fault[0] == '\0' && !is_as_wanted(&status))
		put_right(supervisor, &status);
	publish(supervisor, &status);
}

void
door_start(struct supervisor *supervisor, bool found)
{
	struct door_status *status = &supervisor->door.status;

	if (!is_configured(supervisor))
		return;
	if (!found || !door_view_read(shm_door_view(&supervisor->shm), status) ||
	    status->wanted != DOOR_OPEN)
		status->wanted = DOOR_CLOSED;
	supervisor->door.looked_ms = supervisor->monotonic_ms;
	look_and_put_right(supervisor);
}

/* Whether anything can be otherwise than at the last look. */
static bool
has_changed(const struct supervisor *supervisor)
{
	uint32_t generation;

	return !supervisor->door.known || !is_as_wanted(&supervisor->door.status) ||
	       door_netlink_generation(&generation) != 0 ||
	       generation != supervisor->door.generation;
}

void
door_tick(struct supervisor *supervisor)
{
	struct door *door = &supervisor->door;

	if (!is_configured(supervisor) || supervisor->monotonic_ms - door->looked_ms < DOOR_LOOK_MS)
		return;
	door->looked_ms = supervisor->monotonic_ms;
	if (has_changed(supervisor))
		look_and_put_right(supervisor);
}

bool
door_is_open(const struct supervisor *supervisor)
{
	const struct door_status *status = &supervisor->door.status;

	return status->wanted == DOOR_OPEN && supervisor->door.known && is_as_wanted(status);
}

void
door_set_gate(struct supervisor *supervisor, enum gate_view view, const char *fault)
{
	struct door_status status = supervisor->door.status;

	status.gate = view;
	snprintf(status.gate_fault, sizeof(status.gate_fault), "%s", fault);
	publish(supervisor, &status);
}

void
door_set_early(struct supervisor *supervisor, enum early_view view)
{
	struct door_status status = supervisor->door.status;

	status.early = view;
	publish(supervisor, &status);
}

void
door_leave(struct supervisor *supervisor)
{
	if (is_configured(supervisor) && supervisor->door.status.wanted == DOOR_OPEN)
		door_move(supervisor, DOOR_CLOSED);
}
