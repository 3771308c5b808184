/*
 * show_events -- `show events`, and one event for those who follow
 */
#ifndef DAEMON_MANAGER_SHOW_EVENTS_H
#define DAEMON_MANAGER_SHOW_EVENTS_H

#include "daemon/manager/event_log.h"
#include "daemon/manager/text.h"

void show_events(const struct event_log *log, bool json, struct text *out);

/* One line: "Nov 22 2026 21:33:26: %SMTPGUARD-6-302013: ...", or a JSON object with "schema". An
 * event that is not in the catalogue adds nothing. */
void show_event_line(const struct event *event, bool json, struct text *out);

#endif
