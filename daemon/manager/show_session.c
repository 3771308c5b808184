#include "daemon/manager/show_session.h"

#include "daemon/manager/present.h"
#include "daemon/manager/session_view.h"
#include "daemon/manager/show_json.h"
#include "shm/gateway_clock.h"
#include "shm/process.h"

#include <inttypes.h>
#include <stdio.h>

#define NOTE_TEXT_MAX 200u

static const char *
note_who(const struct trail_note *note)
{
	static const char *const names[] = {"gateway", "client", "server"};

	return note->who < sizeof(names) / sizeof(names[0]) ? names[note->who] : "-";
}

static size_t
note_length(const struct trail_note *note)
{
	return note->length < TRAIL_TEXT ? note->length : TRAIL_TEXT;
}

static void
add_trail(struct text *out, const struct trail_note *notes, unsigned count)
{
	text_add_string(out, "  Trail:\n");
	for (unsigned i = 0; i < count; i++) {
		text_printf(out, "    %6u.%03u %-7s ", notes[i].at_ms / 1000, notes[i].at_ms % 1000,
		    note_who(&notes[i]));
		if (notes[i].code != 0)
			text_printf(out, "%u ", notes[i].code);
		text_add_escaped(out, notes[i].text, note_length(&notes[i]), NOTE_TEXT_MAX);
		text_add_string(out, "\n");
	}
}

static json_t *
trail_json(const struct trail_note *notes, unsigned count)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < count; i++) {
		struct text text;

		text_init(&text, NOTE_TEXT_MAX);
		text_add_escaped(&text, notes[i].text, note_length(&notes[i]), NOTE_TEXT_MAX);
		json_array_append_new(
		    list, json_pack("{s:i, s:s, s:i, s:s}", "at_ms", (int)notes[i].at_ms, "who",
			      note_who(&notes[i]), "code", (int)notes[i].code, "text",
			      text_string(&text)));
		text_free(&text);
	}
	return list;
}

static void
add_leg(struct text *out, const char *name, const struct slot_leg *leg)
{
	static const char *const states[] = {"none", "connecting", "open", "failed", "ended"};
	uint32_t state = atomic_load(&leg->state);
	char local[PRESENT_ENDPOINT_MAX];
	char peer[PRESENT_ENDPOINT_MAX];

	present_endpoint(&leg->local, local);
	present_endpoint(&leg->peer, peer);
	text_printf(out, "  %s: peer %s, local %s, %s", name, peer, local,
	    state < sizeof(states) / sizeof(states[0]) ? states[state] : "damaged");
	if (leg->tcp.dumped)
		text_printf(out, ", mss %u, rtt %u us", leg->tcp.mss, leg->tcp.rtt_us);
	text_add_string(out, "\n");
}

static void
add_record(struct text *out, const struct record *record)
{
	text_printf(out,
	    "  Record: sequence %" PRIu64 ", %u commands, %u replies, %u messages%s%s\n",
	    record->sequence, record->commands, record->replies, record->messages,
	    (record->flags & RECORD_OPAQUE) != 0 ? ", opaque" : "",
	    (record->flags & RECORD_DRAINING) != 0 ? ", draining" : "");
	if (record->outlet[SHM_SERVER].held > 0)
		text_printf(out, "  %u octets are held until the message is judged\n",
		    record->outlet[SHM_SERVER].held);
	for (unsigned leg = 0; leg < SHM_LEGS; leg++)
		text_printf(out,
		    "  From %s: %" PRIu64 " received, %" PRIu64 " inspected; to %s: %" PRIu64
		    " written, %" PRIu64 " pending\n",
		    leg == SHM_CLIENT ? "client" : "server", record->stored[leg],
		    record->position[leg], leg == SHM_CLIENT ? "client" : "server",
		    record->outlet[leg].written, outlet_pending(&record->outlet[leg]));
}

static void
add_living(struct text *out, const struct session_view *view, uint64_t gateway_ms)
{
	char opened[40];
	char uptime[32];
	char idle[32];
	char flags[SESSION_FLAGS_MAX];
	uint64_t up = gateway_ms > view->opened_ms ? gateway_ms - view->opened_ms : 0;

	present_cisco_time(view->opened_us, opened, sizeof(opened));
	present_duration(up / 1000, uptime, sizeof(uptime));
	present_duration(view->idle_ms / 1000, idle, sizeof(idle));
	session_view_flags(view, flags);
	text_printf(out, "Session %016" PRIx64 ", %s, phase %s, flags %s\n", view->id,
	    session_view_state(view), session_view_phase(view), flags);
	text_printf(out, "  Opened %s, uptime %s, idle %s\n", opened, uptime, idle);
	add_leg(out, "Client", &view->leg[SHM_CLIENT]);
	add_leg(out, "Server", &view->leg[SHM_SERVER]);
	text_printf(out, "  Mode %s, policy %s", session_view_mode(view),
	    view->policy[0] == '\0' ? "-" : view->policy);
	if (view->class_name[0] != '\0')
		text_printf(out, ", class %s", view->class_name);
	if (view->owner != PROCESS_OWNER_NONE)
		text_printf(out, ", worker %u, slot %u", view->owner & 0xff, view->slot);
	text_add_string(out, "\n");
	if (view->has_record)
		add_record(out, &view->record);
	if (view->marks > 0)
		text_printf(out, "  Marked %u times at position %" PRIu64 "\n", view->marks,
		    view->mark_position);
	add_trail(out, view->note, view->notes);
}

uint64_t
show_session_duration(const struct closed_entry *entry)
{
	if (entry->closed_us < entry->opened_us)
		return 0;
	return (entry->closed_us - entry->opened_us) / 1000000;
}

static json_t *
endpoint_json(const struct shm_endpoint *endpoint)
{
	char address[PRESENT_ENDPOINT_MAX];

	present_address(endpoint, address);
	return json_pack("{s:s, s:i}", "address", address, "port", (int)endpoint->port);
}

json_t *
show_session_closed_json(const struct closed_entry *entry, bool with_trail)
{
	struct trail_note notes[TRAIL_NOTES];
	char id[20];
	char opened[40];
	char closed[40];

	snprintf(id, sizeof(id), "%016" PRIx64, entry->session_id);
	present_iso_time(entry->opened_us, opened, sizeof(opened));
	present_iso_time(entry->closed_us, closed, sizeof(closed));
	json_t *object =
	    json_pack("{s:s, s:s, s:o, s:o, s:s, s:s, s:I, s:I, s:i, s:i, s:i, s:i, s:s}", "id", id,
		"state", "closed", "client", endpoint_json(&entry->client), "server",
		endpoint_json(&entry->server), "opened", opened, "closed", closed,
		"bytes_from_client", (json_int_t)entry->bytes[SHM_CLIENT], "bytes_from_server",
		(json_int_t)entry->bytes[SHM_SERVER], "commands", (int)entry->commands, "replies",
		(int)entry->replies, "messages", (int)entry->messages, "rule", (int)entry->rule,
		"reason", closed_reason_text(entry->reason));
	if (object != NULL && with_trail)
		json_object_set_new(
		    object, "trail", trail_json(notes, (unsigned)trail_read(&entry->trail, notes)));
	return object;
}

static void
add_closed(struct text *out, const struct closed_entry *entry)
{
	struct trail_note notes[TRAIL_NOTES];
	char client[PRESENT_ENDPOINT_MAX];
	char server[PRESENT_ENDPOINT_MAX];
	char opened[40];
	char closed[40];
	char duration[32];

	present_endpoint(&entry->client, client);
	present_endpoint(&entry->server, server);
	present_cisco_time(entry->opened_us, opened, sizeof(opened));
	present_cisco_time(entry->closed_us, closed, sizeof(closed));
	present_duration(show_session_duration(entry), duration, sizeof(duration));
	text_printf(out, "Session %016" PRIx64 ", closed, %s\n", entry->session_id,
	    closed_reason_text(entry->reason));
	text_printf(out, "  Opened %s, closed %s, duration %s\n", opened, closed, duration);
	text_printf(out, "  Client: %s\n  Server: %s\n", client, server);
	text_printf(out,
	    "  From client: %" PRIu64 " bytes; from server: %" PRIu64
	    " bytes; %u commands, %u replies, %u messages\n",
	    entry->bytes[SHM_CLIENT], entry->bytes[SHM_SERVER], entry->commands, entry->replies,
	    entry->messages);
	if (entry->rule != 0)
		text_printf(out, "  Rule %u\n", entry->rule);
	add_trail(out, notes, (unsigned)trail_read(&entry->trail, notes));
}

static bool
find_closed(const struct closed_ring *ring, uint64_t id, struct closed_entry *ret_entry)
{
	uint64_t tickets = closed_tickets(ring);

	for (uint64_t i = 0; i < CLOSED_ENTRIES && i < tickets; i++)
		if (closed_read(ring, tickets - 1 - i, ret_entry) && ret_entry->session_id == id)
			return true;
	return false;
}

static void
finish(struct text *out, json_t *session)
{
	show_json_finish(out, json_pack("{s:o}", "session", session));
}

bool
show_session(const struct manager *manager, uint64_t id, bool json, struct text *out)
{
	uint64_t gateway_ms = atomic_load(shm_clock_floor(&manager->shm));
	struct session_view view;
	struct closed_entry entry;

	if (session_view_find(&manager->shm, &manager->activity, id, monotonic_now_ms(), &view)) {
		if (json) {
			json_t *session = session_view_json(&view, gateway_ms);
			json_object_set_new(session, "trail", trail_json(view.note, view.notes));
			finish(out, session);
		} else {
			add_living(out, &view, gateway_ms);
		}
		return true;
	}
	if (!find_closed(shm_closed(&manager->shm), id, &entry))
		return false;
	if (json)
		finish(out, show_session_closed_json(&entry, true));
	else
		add_closed(out, &entry);
	return true;
}
