#include "daemon/manager/event_format.h"

#include "daemon/manager/present.h"

#include <inttypes.h>
#include <string.h>

struct word {
	const char *name;
	void (*add)(struct text *text, const struct event *event, unsigned index);
	unsigned index;
};

static void
add_client(struct text *text, const struct event *event, unsigned index)
{
	char endpoint[PRESENT_ENDPOINT_MAX];

	present_endpoint(index == SHM_CLIENT ? &event->client : &event->server, endpoint);
	text_add_string(text, endpoint);
}

static void
add_slash(struct text *text, const struct event *event, unsigned index)
{
	char endpoint[PRESENT_ENDPOINT_MAX];

	present_endpoint_slash(index == SHM_CLIENT ? &event->client : &event->server, endpoint);
	text_add_string(text, endpoint);
}

static void
add_interface(struct text *text, const struct event *event, unsigned index)
{
	text_add_string(text, index == SHM_CLIENT ? "outside:" : "inside:");
	add_slash(text, event, index);
}

static void
add_session(struct text *text, const struct event *event, unsigned index)
{
	(void)index;
	text_printf(text, "%016" PRIx64, event->session_id);
}

static void
add_text(struct text *text, const struct event *event, unsigned index)
{
	const char *field;
	size_t length;

	event_text(event, index, &field, &length);
	text_add_escaped(text, field, length, EVENT_FORMAT_TEXT_MAX);
}

static void
add_number(struct text *text, const struct event *event, unsigned index)
{
	text_printf(text, "%" PRIu64, event->number[index]);
}

static void
add_rule(struct text *text, const struct event *event, unsigned index)
{
	(void)index;
	text_printf(text, "%" PRIu32, event->rule);
}

static void
add_code(struct text *text, const struct event *event, unsigned index)
{
	(void)index;
	text_printf(text, "%" PRIu32, event->code);
}

static void
add_duration(struct text *text, const struct event *event, unsigned index)
{
	char duration[32];

	present_duration(event->number[index], duration, sizeof(duration));
	text_add_string(text, duration);
}

/* 108004 and 108005: n3 is 1 for a reply of the server. */
static bool
is_reply(const struct event *event)
{
	return event->number[3] != 0;
}

static void
add_classification(struct text *text, const struct event *event, unsigned index)
{
	(void)index;
	text_add_string(text, event->rule != 0 ? "ESMTP Classification" : "ESMTP Parameter");
}

static void
add_side(struct text *text, const struct event *event, unsigned index)
{
	(void)index;
	text_add_string(text, is_reply(event) ? "Response" : "Request");
}

static void
add_direction(struct text *text, const struct event *event, unsigned index)
{
	add_interface(text, event, is_reply(event) ? !index : index);
}

static void
add_match(struct text *text, const struct event *event, unsigned index)
{
	if (event->rule != 0)
		text_printf(text, "matched Class %" PRIu32 ": ", event->rule);
	add_text(text, event, index);
}

static const struct word words[] = {
    {"client", add_client, SHM_CLIENT},
    {"server", add_client, SHM_SERVER},
    {"client_slash", add_slash, SHM_CLIENT},
    {"server_slash", add_slash, SHM_SERVER},
    {"outside", add_interface, SHM_CLIENT},
    {"inside", add_interface, SHM_SERVER},
    {"classification", add_classification, 0},
    {"side", add_side, 0},
    {"source", add_direction, SHM_CLIENT},
    {"destination", add_direction, SHM_SERVER},
    {"match", add_match, 1},
    {"session", add_session, 0},
    {"text0", add_text, 0},
    {"text1", add_text, 1},
    {"text2", add_text, 2},
    {"n0", add_number, 0},
    {"n1", add_number, 1},
    {"n2", add_number, 2},
    {"n3", add_number, 3},
    {"rule", add_rule, 0},
    {"code", add_code, 0},
    {"duration", add_duration, 0},
};

/* Expands the word that begins behind the brace; returns what it was long, 0 if it is none. */
static size_t
expand(struct text *text, const struct event *event, const char *name)
{
	size_t length = strcspn(name, "{}");

	if (name[length] != '}')
		return 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i].name) == length && memcmp(words[i].name, name, length) == 0) {
			words[i].add(text, event, words[i].index);
			return length + 1;
		}
	return 0;
}

void
event_format_text(
    struct text *text, const struct event *event, const struct event_description *description)
{
	for (const char *at = description->text; *at != '\0';) {
		size_t plain = 1 + strcspn(at + 1, "{");
		size_t used = *at == '{' ? expand(text, event, at + 1) : 0;

		if (used == 0)
			text_add(text, at, plain);
		at += used == 0 ? plain : 1 + used;
	}
}

void
event_format_message(
    struct text *text, const struct event *event, const struct event_description *description)
{
	text_printf(text, "%%SMTPGUARD-%u-%" PRIu32 ": ", description->severity, event->id);
	event_format_text(text, event, description);
}
