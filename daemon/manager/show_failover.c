#include "daemon/manager/show_failover.h"

#include "daemon/manager/present.h"
#include "daemon/manager/show_json.h"
#include "daemon/sync/role.h"
#include "daemon/sync/role_words.h"
#include "shm/door_view.h"
#include "shm/gateway_clock.h"
#include "shm/pair.h"
#include "shm/release.h"

#include <inttypes.h>
#include <string.h>

struct view {
	const struct settings_failover *failover;
	bool runs;  /* the sync process; else `pair` is zero */
	bool heard; /* the other host, at least once */
	struct pair_status pair;
	struct door_status door;
	enum release_mode release;
	uint64_t now_us;
};

static void
look(struct view *view, const struct settings_failover *failover, const struct shm *shm)
{
	const struct pair_view *pair = shm_pair_view(shm);

	*view = (struct view){
	    .failover = failover,
	    .release = release_mode(release_word(shm_release(shm))),
	    .now_us = realtime_now_us(),
	};
	view->runs =
	    pair_view_is_alive(pair, monotonic_now_ms()) && pair_view_read(pair, &view->pair);
	if (!view->runs)
		memset(&view->pair, 0, sizeof(view->pair));
	view->heard = view->pair.peer_heard_us != 0;
	if (!door_view_read(shm_door_view(shm), &view->door))
		memset(&view->door, 0, sizeof(view->door));
}

const char *
show_failover_unit_word(uint32_t state)
{
	static const char *const words[ROLE_STATES] = {
	    [ROLE_STANDALONE] = "Disabled",
	    [ROLE_WAITING] = "Negotiation",
	    [ROLE_CATCHUP] = "Bulk Sync",
	    [ROLE_SYNCED] = "Standby Ready",
	    [ROLE_ASKING] = "Standby Ready",
	    [ROLE_RAISING] = "Just Active",
	    [ROLE_RESTORING] = "Just Active",
	    [ROLE_ACTIVE] = "Active",
	    [ROLE_DEGRADED] = "Active",
	    [ROLE_YIELDING] = "Active Drain",
	    [ROLE_FAULT] = "Failed",
	};

	return state < ROLE_STATES ? words[state] : "Unknown";
}

static const char *
release_text(enum release_mode release)
{
	switch (release) {
	case RELEASE_ALONE:
		return "what is committed on this host leaves";
	case RELEASE_PAIRED:
		return "what the standby has acknowledged leaves";
	default:
		return "nothing leaves";
	}
}

static const char *
release_word_of(enum release_mode release)
{
	return release == RELEASE_ALONE ? "alone" : release == RELEASE_PAIRED ? "paired" : "held";
}

static const char *
commit_word(uint32_t commit)
{
	return commit == SETTINGS_COMMIT_STRICT ? "strict" : "degrade";
}

static uint64_t
since_us(const struct view *view, uint64_t realtime_us)
{
	return view->now_us > realtime_us ? view->now_us - realtime_us : 0;
}

/* The other host's name: as it was heard, else as it is configured. */
static const char *
peer_name(const struct view *view)
{
	return view->pair.peer[0] != '\0' ? view->pair.peer : view->failover->peer_node;
}

/* ---- as text ---- */

static void
add_head(const struct view *view, struct text *out)
{
	const struct settings_failover *failover = view->failover;
	char listen[PRESENT_ENDPOINT_MAX], peer[PRESENT_ENDPOINT_MAX];

	present_endpoint(&failover->listen, listen);
	present_endpoint(&failover->peer, peer);
	text_add_string(out, "Failover On\nFailover unit ");
	text_add_escaped(out, failover->node, strlen(failover->node), SETTINGS_NODE_MAX);
	text_printf(out, "\nFailover LAN Interface: %s to %s (%s)\n", listen, peer,
	    view->runs ? pair_channel_word(view->pair.channel) : "the sync process does not run");
	if (failover->commit == SETTINGS_COMMIT_STRICT)
		text_add_string(out, "Commit strict: without a standby nothing leaves\n");
	else
		text_printf(out, "Commit degrade: after %u milliseconds without a standby\n",
		    failover->degrade_after_ms);
	if (view->pair.since_us != 0) {
		char time[40];

		present_cisco_time(view->pair.since_us, time, sizeof(time));
		text_printf(out, "Last change of state at: %s UTC\n", time);
	}
}

static void
add_unit(struct text *out, const char *which, const char *name, const char *word)
{
	text_printf(out, "\t%s: ", which);
	if (name[0] != '\0')
		text_add_escaped(out, name, strlen(name), PAIR_NAME_MAX);
	else
		text_add_string(out, "-");
	text_printf(out, " - %s", word);
}

static void
add_this_host(const struct view *view, struct text *out)
{
	const struct pair_status *pair = &view->pair;
	char time[32];

	add_unit(out, "This host", view->failover->node,
	    view->runs ? show_failover_unit_word(pair->state) : "Unknown");
	if (!view->runs) {
		text_add_string(out, "\n");
		return;
	}
	present_duration(since_us(view, pair->since_us) / 1000000, time, sizeof(time));
	text_printf(out, " (%s), epoch %" PRIu64 "\n\t\tFor %s: %s\n", role_state_word(pair->state),
	    pair->epoch, time, role_reason_text(pair->reason));
}

static void
add_other_host(const struct view *view, struct text *out)
{
	const struct pair_status *pair = &view->pair;
	uint64_t ago_us = since_us(view, pair->peer_heard_us);

	add_unit(out, "Other host", peer_name(view),
	    view->heard ? show_failover_unit_word(pair->peer_state) : "Unknown");
	if (view->heard)
		text_printf(out,
		    " (%s), epoch %" PRIu64 "\n\t\tHeard %" PRIu64 ".%03u seconds ago\n",
		    role_state_word(pair->peer_state), pair->peer_epoch, ago_us / 1000000,
		    (unsigned)(ago_us / 1000 % 1000));
	else
		text_add_string(out, "\n\t\tNot heard yet\n");
}

static void
add_door(const struct view *view, struct text *out)
{
	const struct door_status *door = &view->door;

	text_printf(out, "Door: should be %s\n", door_state_word(door->wanted));
	for (unsigned i = 0; i < DOOR_FAMILIES; i++)
		text_printf(
		    out, "\t%s: %s\n", door_family_word(i), door_state_word(door->state[i]));
	if (door->fault[0] != '\0') {
		text_add_string(out, "\tFault: ");
		text_add_escaped(out, door->fault, strlen(door->fault), DOOR_FAULT_MAX);
		text_add_string(out, "\n");
	}
	text_printf(out, "Gate: %s; %s: %s\n", gate_view_word(door->gate),
	    release_word_of(view->release), release_text(view->release));
	if (door->gate_fault[0] != '\0') {
		text_add_string(out, "\tFault: ");
		text_add_escaped(
		    out, door->gate_fault, strlen(door->gate_fault), DOOR_GATE_FAULT_MAX);
		text_add_string(out, "\n");
	}
}

static void
add_refusals(const struct view *view, struct text *out)
{
	const struct pair_status *pair = &view->pair;

	text_printf(out, "\tConnections        %" PRIu64 ", refused %" PRIu64 "\n", pair->connects,
	    pair->refusals);
	if (pair->refusal[0] != '\0') {
		char time[40];

		present_cisco_time(pair->refused_us, time, sizeof(time));
		text_printf(out, "\tLast refusal       %s UTC: ", time);
		text_add_escaped(out, pair->refusal, strlen(pair->refusal), PAIR_TEXT_MAX);
		text_add_string(out, "\n");
	}
}

static void
add_link(const struct view *view, struct text *out)
{
	const struct pair_status *pair = &view->pair;

	if (!view->runs)
		return;
	text_add_string(out, "Stateful Failover Logical Update Statistics\n");
	text_printf(out, "\tNewest entry       %" PRIu64 "\n\tAcknowledged       %" PRIu64 "\n",
	    pair->newest_lsn, pair->acked_lsn);
	text_printf(out,
	    "\tWaiting            %" PRIu64 " entries, %" PRIu64
	    " bytes, nothing acknowledged for %" PRIu64 " us\n",
	    pair->waiting, pair->waiting_bytes, pair->lag_us);
	text_printf(out, "\tSessions protected %" PRIu64 "\n", pair->protected_sessions);
	if (pair->snapshot_whole != 0)
		text_printf(out, "\tSnapshot           %" PRIu64 " of %" PRIu64 " sessions\n",
		    pair->snapshot_done, pair->snapshot_whole);
	add_refusals(view, out);
}

/* ---- as JSON ---- */

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
host_json(const struct view *view)
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
peer_json(const struct view *view)
{
	const struct pair_status *pair = &view->pair;

	return json_pack("{s:o, s:o, s:s?, s:o, s:o}", "node",
	    escaped(peer_name(view), PAIR_NAME_MAX), "address", endpoint(&view->failover->peer),
	    "state", view->heard ? role_state_word(pair->peer_state) : NULL, "heard",
	    moment(pair->peer_heard_us), "epoch",
	    view->heard ? number(pair->peer_epoch) : json_null());
}

static json_t *
channel_json(const struct view *view)
{
	const struct pair_status *pair = &view->pair;

	return json_pack("{s:s?, s:o, s:o, s:o, s:o}", "state",
	    view->runs ? pair_channel_word(pair->channel) : NULL, "connects",
	    number(pair->connects), "refusals", number(pair->refusals), "last_refusal",
	    escaped(pair->refusal, PAIR_TEXT_MAX), "last_refused", moment(pair->refused_us));
}

static json_t *
log_json(const struct view *view)
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
door_json(const struct view *view)
{
	const struct door_status *door = &view->door;

	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "wanted", door_state_word(door->wanted),
	    "ipv4", door_state_word(door->state[DOOR_IPV4]), "ipv6",
	    door_state_word(door->state[DOOR_IPV6]), "fault", escaped(door->fault, DOOR_FAULT_MAX),
	    "moved", moment(door->moved_us), "moved_ns", number(door->moved_ns));
}

static json_t *
gate_json(const struct view *view)
{
	return json_pack("{s:s, s:o, s:s}", "state", gate_view_word(view->door.gate), "fault",
	    escaped(view->door.gate_fault, DOOR_GATE_FAULT_MAX), "release",
	    release_word_of(view->release));
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
pair_json(const struct view *view)
{
	const struct settings_failover *failover = view->failover;

	return json_pack("{s:b, s:b, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "failover", 1,
	    "sync_runs", view->runs, "commit", commit_word(failover->commit), "degrade_after_ms",
	    (json_int_t)failover->degrade_after_ms, "addresses", addresses_json(failover),
	    "this_host", host_json(view), "other_host", peer_json(view), "channel",
	    channel_json(view), "log", log_json(view), "door", door_json(view), "gate",
	    gate_json(view));
}

void
show_failover_off(bool json, struct text *out)
{
	if (json)
		show_json_finish(out, json_pack("{s:b}", "failover", 0));
	else
		text_add_string(out, "Failover Off\n");
}

void
show_failover(
    const struct settings_failover *failover, const struct shm *shm, bool json, struct text *out)
{
	struct view view;

	if (failover->line == 0) {
		show_failover_off(json, out);
		return;
	}
	look(&view, failover, shm);
	if (json) {
		show_json_finish(out, pair_json(&view));
		return;
	}
	add_head(&view, out);
	add_this_host(&view, out);
	add_other_host(&view, out);
	add_door(&view, out);
	add_link(&view, out);
}
