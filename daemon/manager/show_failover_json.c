#include "daemon/manager/show_failover_json.h"

#include "daemon/manager/present.h"
#include "daemon/manager/show_json.h"
#include "daemon/manager/show_takeover.h"
#include "daemon/sync/role_words.h"

#include <string.h>

static const char *
commit_word(uint32_t commit)
{
	return commit == SETTINGS_COMMIT_STRICT ? "strict" : "degrade";
}

static json_t *
number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/* null: never. */
static json_t *
moment(uint64_t realtime_us)
{
	char text[40];

	if (realtime_us == 0)
		return json_null();
	present_iso_time(realtime_us, text, sizeof(text));
	return json_string(text);
}

/* Bytes of another process, as ASCII. */
static json_t *
escaped(const char *bytes, size_t most)
{
	struct text text;
	json_t *value;

	text_init(&text, 4 * most + 1);
	text_add_escaped(&text, bytes, strlen(bytes), most);
	value = json_string(text_string(&text));
	text_free(&text);
	return value;
}

static json_t *
endpoint(const struct shm_endpoint *endpoint)
{
	char text[PRESENT_ENDPOINT_MAX];

	present_endpoint(endpoint, text);
	return json_string(text);
}

static json_t *
host_json(const struct failover_view *view)
{
	const struct pair_status *pair = &view->pair;

	return json_pack("{s:o, s:o, s:s?, s:s?, s:s?, s:o, s:o}", "node",
	    escaped(view->failover->node, SETTINGS_NODE_MAX), "address",
	    endpoint(&view->failover->listen), "state",
	    view->runs ? role_state_word(pair->state) : NULL, "reason",
	    view->runs ? role_reason_word(pair->reason) : NULL, "reason_text",
	    view->runs ? role_reason_text(pair->reason) : NULL, "since", moment(pair->since_us),
	    "epoch", view->runs ? number(pair->epoch) : json_null());
}

static json_t *
peer_json(const struct failover_view *view)
{
	const struct pair_status *pair = &view->pair;

	return json_pack("{s:o, s:o, s:s?, s:o, s:o}", "node",
	    escaped(failover_view_peer_name(view), PAIR_NAME_MAX), "address",
	    endpoint(&view->failover->peer), "state",
	    view->heard ? role_state_word(pair->peer_state) : NULL, "heard",
	    moment(pair->peer_heard_us), "epoch",
	    view->heard ? number(pair->peer_epoch) : json_null());
}

static json_t *
channel_json(const struct failover_view *view)
{
	const struct pair_status *pair = &view->pair;

	return json_pack("{s:s?, s:o, s:o, s:o, s:o}", "state",
	    view->runs ? pair_channel_word(pair->channel) : NULL, "connects",
	    number(pair->connects), "refusals", number(pair->refusals), "last_refusal",
	    escaped(pair->refusal, PAIR_TEXT_MAX), "last_refused", moment(pair->refused_us));
}

static json_t *
log_json(const struct failover_view *view)
{
	const struct pair_status *pair = &view->pair;

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "newest",
	    number(pair->newest_lsn), "acknowledged", number(pair->acked_lsn), "waiting",
	    number(pair->waiting), "waiting_bytes", number(pair->waiting_bytes), "lag_us",
	    number(pair->lag_us), "protected_sessions", number(pair->protected_sessions),
	    "snapshot_done", number(pair->snapshot_done), "snapshot_whole",
	    number(pair->snapshot_whole));
}

static json_t *
door_json(const struct failover_view *view)
{
	const struct door_status *door = &view->door;

	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:s}", "wanted",
	    door_state_word(door->wanted), "ipv4", door_state_word(door->state[DOOR_IPV4]), "ipv6",
	    door_state_word(door->state[DOOR_IPV6]), "fault", escaped(door->fault, DOOR_FAULT_MAX),
	    "moved", moment(door->moved_us), "moved_ns", number(door->moved_ns), "early",
	    early_view_word(door->early));
}

static json_t *
gate_json(const struct failover_view *view)
{
	return json_pack("{s:s, s:o, s:s}", "state", gate_view_word(view->door.gate), "fault",
	    escaped(view->door.gate_fault, DOOR_GATE_FAULT_MAX), "release",
	    failover_view_release_word(view->release));
}

static json_t *
addresses_json(const struct settings_failover *failover)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < failover->addresses; i++) {
		char text[PRESENT_ENDPOINT_MAX];

		present_address(&failover->address[i], text);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static json_t *
whole_json(const struct failover_view *view)
{
	const struct settings_failover *failover = view->failover;

	return json_pack("{s:b, s:b, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o}",
	    "failover", 1, "sync_runs", view->runs, "commit", commit_word(failover->commit),
	    "degrade_after_ms", (json_int_t)failover->degrade_after_ms, "addresses",
	    addresses_json(failover), "this_host", host_json(view), "other_host", peer_json(view),
	    "channel", channel_json(view), "log", log_json(view), "door", door_json(view), "gate",
	    gate_json(view), "last_failover", moment(view->failover_us), "made_ahead",
	    (json_int_t)view->ahead, "takeover", show_takeover_json(view));
}

void
show_failover_json(const struct failover_view *view, struct text *out)
{
	show_json_finish(out, whole_json(view));
}
