#include "daemon/manager/show_events.h"

#include "daemon/manager/event_format.h"
#include "daemon/manager/present.h"
#include "daemon/manager/show_json.h"

#include <inttypes.h>
#include <stdio.h>

static void
set_endpoint(json_t *object, const char *key, const struct shm_endpoint *endpoint)
{
	char text[PRESENT_ENDPOINT_MAX];

	if (endpoint->family == 0)
		return;
	present_endpoint(endpoint, text);
	json_object_set_new(object, key, json_string(text));
}

static json_t *
event_json(const struct event *event, const struct event_description *description)
{
	struct text text;
	char time[40];
	char session[20];

	text_init(&text, EVENT_FORMAT_MAX);
	event_format_text(&text, event, description);
	present_iso_time(event->realtime_us, time, sizeof(time));
	json_t *object = json_pack("{s:s, s:i, s:i, s:s, s:s}", "time", time, "severity",
	    (int)description->severity, "id", (int)event->id, "name", description->name, "text",
	    text_string(&text));
	text_free(&text);
	if (event->session_id != 0) {
		snprintf(session, sizeof(session), "%016" PRIx64, event->session_id);
		json_object_set_new(object, "session", json_string(session));
	}
	set_endpoint(object, "client", &event->client);
	set_endpoint(object, "server", &event->server);
	if (event->code != 0)
		json_object_set_new(object, "code", json_integer(event->code));
	if (event->rule != 0)
		json_object_set_new(object, "rule", json_integer(event->rule));
	return object;
}

void
show_event_line(const struct event *event, bool json, struct text *out)
{
	const struct event_description *description = event_describe(event->id);
	struct text message;
	char time[40];

	if (description == NULL)
		return;
	if (json) {
		show_json_finish(out, event_json(event, description));
		return;
	}
	text_init(&message, EVENT_FORMAT_MAX);
	event_format_message(&message, event, description);
	present_cisco_time(event->realtime_us, time, sizeof(time));
	text_printf(out, "%s: %s\n", time, text_string(&message));
	text_free(&message);
}

void
show_events(const struct event_log *log, bool json, struct text *out)
{
	if (json)
		show_json_list_begin(out, "", "events");
	for (unsigned i = 0; i < event_log_count(log) && !out->overflow; i++) {
		const struct event *event = event_log_get(log, i);
		const struct event_description *description = event_describe(event->id);

		if (!json)
			show_event_line(event, false, out);
		else if (description != NULL)
			show_json_list_add(out, event_json(event, description));
	}
	if (json)
		show_json_list_end(out);
}
