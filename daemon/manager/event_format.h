/*
 * event_format -- an event as text
 *
 * Pure.  The description's text is expanded; what came from outside is escaped (\xNN) and bounded.
 * A word in braces that is not known stays as it is.
 */
#ifndef DAEMON_MANAGER_EVENT_FORMAT_H
#define DAEMON_MANAGER_EVENT_FORMAT_H

#include "daemon/manager/text.h"
#include "shm/event_ring.h"

#define EVENT_FORMAT_TEXT_MAX 512u  /* of one field, escaped */
#define EVENT_FORMAT_MAX      2048u /* of the whole text */

/* "Built inbound TCP connection ..." */
void event_format_text(
    struct text *text, const struct event *event, const struct event_description *description);
/* "%SMTPGUARD-6-302013: Built inbound TCP connection ..." */
void event_format_message(
    struct text *text, const struct event *event, const struct event_description *description);

#endif
