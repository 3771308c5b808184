#include "daemon/manager/show_conn.h"

#include "daemon/manager/present.h"
#include "daemon/manager/session_view.h"
#include "daemon/manager/show_json.h"
#include "daemon/manager/show_session.h"
#include "shm/closed.h"
#include "shm/gateway_clock.h"
#include "shm/process.h"

#include <inttypes.h>
#include <stdio.h>

static void
add_line(struct text *out, const struct session_view *view)
{
	char client[PRESENT_ENDPOINT_MAX];
	char server[PRESENT_ENDPOINT_MAX];
	char idle[32];
	char flags[SESSION_FLAGS_MAX];

	present_endpoint(&view->leg[SHM_CLIENT].peer, client);
	present_endpoint(&view->leg[SHM_SERVER].peer, server);
	present_duration(view->idle_ms / 1000, idle, sizeof(idle));
	session_view_flags(view, flags);
	text_printf(out,
	    "TCP outside %s inside %s, idle %s, bytes %" PRIu64 ", flags %s, id %016" PRIx64 "\n",
	    client, server, idle,
	    session_view_bytes(view, SHM_CLIENT) + session_view_bytes(view, SHM_SERVER), flags,
	    view->id);
}

static void
add_detail(struct text *out, const struct session_view *view, uint64_t gateway_ms)
{
	char client[PRESENT_ENDPOINT_MAX];
	char server[PRESENT_ENDPOINT_MAX];
	char idle[32];
	char uptime[32];
	char flags[SESSION_FLAGS_MAX];
	uint64_t up = gateway_ms > view->opened_ms ? gateway_ms - view->opened_ms : 0;

	present_endpoint_slash(&view->leg[SHM_CLIENT].peer, client);
	present_endpoint_slash(&view->leg[SHM_SERVER].peer, server);
	present_duration(view->idle_ms / 1000, idle, sizeof(idle));
	present_duration(up / 1000, uptime, sizeof(uptime));
	session_view_flags(view, flags);
	text_printf(out,
	    "TCP outside:%s inside:%s,\n    flags %s, idle %s, uptime %s, bytes %" PRIu64
	    ", id %016" PRIx64 ",\n",
	    client, server, flags, idle, uptime,
	    session_view_bytes(view, SHM_CLIENT) + session_view_bytes(view, SHM_SERVER), view->id);
	text_printf(out, "    state %s, phase %s, mode %s", session_view_state(view),
	    session_view_phase(view), session_view_mode(view));
	if (view->policy[0] != '\0')
		text_printf(out, ", policy %s", view->policy);
	if (view->class_name[0] != '\0')
		text_printf(out, ", class %s", view->class_name);
	if (view->owner != PROCESS_OWNER_NONE)
		text_printf(out, ", worker %u", view->owner & 0xff);
	if (view->has_record)
		text_printf(out, ",\n    commands %u, replies %u, messages %u",
		    view->record.commands, view->record.replies, view->record.messages);
	text_add_string(out, "\n");
}

static void
add_one(const struct manager *manager, const struct session_view *view, bool detail, bool json,
    struct text *out)
{
	uint64_t gateway_ms = atomic_load(shm_clock_floor(&manager->shm));

	if (json)
		show_json_list_add(out, session_view_json(view, gateway_ms));
	else if (detail)
		add_detail(out, view, gateway_ms);
	else
		add_line(out, view);
}

void
show_conn(struct manager *manager, bool detail, bool json, struct text *out)
{
	const struct activity *activity = &manager->activity;
	uint32_t in_use = activity_in_use(activity);
	uint32_t most_used = activity_most_used(activity);
	uint64_t now_ms = monotonic_now_ms();
	char head[64];

	if (json) {
		snprintf(head, sizeof(head), "\"in_use\":%u,\"most_used\":%u,", in_use, most_used);
		show_json_list_begin(out, head, "sessions");
	} else {
		text_printf(out, "%u in use, %u most used\n", in_use, most_used);
		if (detail)
			text_add_string(out,
			    "Flags: A - awaiting inside ACK to SYN, B - initial SYN from outside,\n"
			    "       F - outside FIN, f - inside FIN, I - inbound data,"
			    " M - SMTP data,\n"
			    "       O - outbound data, S - awaiting inside SYN, U - up\n");
	}
	for (uint32_t i = 0; i < manager->shm.slots && !out->overflow; i++) {
		struct session_view view;

		if (session_view_read(&manager->shm, activity, i, now_ms, &view))
			add_one(manager, &view, detail, json, out);
	}
	if (json)
		show_json_list_end(out);
}

static void
add_closed(const struct closed_entry *entry, bool json, struct text *out)
{
	char client[PRESENT_ENDPOINT_MAX];
	char server[PRESENT_ENDPOINT_MAX];
	char closed[40];
	char duration[32];

	if (json) {
		show_json_list_add(out, show_session_closed_json(entry, false));
		return;
	}
	present_endpoint(&entry->client, client);
	present_endpoint(&entry->server, server);
	present_cisco_time(entry->closed_us, closed, sizeof(closed));
	present_duration(show_session_duration(entry), duration, sizeof(duration));
	text_printf(out,
	    "%s TCP outside %s inside %s, duration %s, bytes %" PRIu64
	    ", messages %u, %s, id %016" PRIx64 "\n",
	    closed, client, server, duration, entry->bytes[SHM_CLIENT] + entry->bytes[SHM_SERVER],
	    entry->messages, closed_reason_text(entry->reason), entry->session_id);
}

bool
show_conn_closed(const struct manager *manager, const char *address, bool json, struct text *out)
{
	const struct closed_ring *ring = shm_closed(&manager->shm);
	uint64_t tickets = closed_tickets(ring);
	struct shm_endpoint wanted;

	if (address != NULL && !present_parse_address(address, &wanted))
		return false;
	if (json)
		show_json_list_begin(out, "", "sessions");
	for (uint64_t i = 0; i < CLOSED_ENTRIES && i < tickets && !out->overflow; i++) {
		struct closed_entry entry;

		if (closed_read(ring, tickets - 1 - i, &entry) &&
		    (address == NULL || present_same_address(&wanted, &entry.client) ||
			present_same_address(&wanted, &entry.server)))
			add_closed(&entry, json, out);
	}
	if (json)
		show_json_list_end(out);
	return true;
}
