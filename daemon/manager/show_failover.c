#include "daemon/manager/show_failover.h"

#include "daemon/manager/failover_view.h"
#include "daemon/manager/present.h"
#include "daemon/manager/show_failover_json.h"
#include "daemon/manager/show_json.h"
#include "daemon/manager/show_takeover.h"
#include "daemon/sync/role.h"
#include "daemon/sync/role_words.h"

#include <inttypes.h>
#include <string.h>

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

static void
add_moment(struct text *out, const char *words, uint64_t realtime_us)
{
	char time[40];

	present_cisco_time(realtime_us, time, sizeof(time));
	text_printf(out, "%s: %s%s\n", words, realtime_us != 0 ? time : "none",
	    realtime_us != 0 ? " UTC" : "");
}

static void
add_head(const struct failover_view *view, struct text *out)
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
	add_moment(out, "Last Failover at", view->failover_us);
	if (view->pair.since_us != 0)
		add_moment(out, "Last change of state at", view->pair.since_us);
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

/* The ASA's "Interface": what passes there. */
static void
add_addresses(const struct failover_view *view, struct text *out)
{
	const struct settings_failover *failover = view->failover;

	for (uint32_t i = 0; i < failover->addresses; i++) {
		enum door_family family = failover->address[i].family == 6 ? DOOR_IPV6 : DOOR_IPV4;
		char address[PRESENT_ENDPOINT_MAX];

		present_address(&failover->address[i], address);
		text_printf(out, "\t\tFloating address (%s): %s\n", address,
		    door_state_word(view->door.state[family]));
	}
}

static void
add_this_host(const struct failover_view *view, struct text *out)
{
	const struct pair_status *pair = &view->pair;
	char time[32];

	add_unit(out, "This host", view->failover->node,
	    view->runs ? failover_view_unit_word(pair->state) : "Unknown");
	if (!view->runs) {
		text_add_string(out, "\n");
		add_addresses(view, out);
		return;
	}
	present_duration(
	    failover_view_since_us(view, pair->since_us) / 1000000, time, sizeof(time));
	text_printf(out, " (%s), epoch %" PRIu64 "\n\t\tFor %s: %s\n", role_state_word(pair->state),
	    pair->epoch, time, role_reason_text(pair->reason));
	text_printf(out, "\t\tActive time: %" PRIu64 " (sec)\n", failover_view_active_s(view));
	add_addresses(view, out);
}

static void
add_other_host(const struct failover_view *view, struct text *out)
{
	const struct pair_status *pair = &view->pair;
	uint64_t ago_us = failover_view_since_us(view, pair->peer_heard_us);

	add_unit(out, "Other host", failover_view_peer_name(view),
	    view->heard ? failover_view_unit_word(pair->peer_state) : "Unknown");
	if (view->heard)
		text_printf(out,
		    " (%s), epoch %" PRIu64 "\n\t\tHeard %" PRIu64 ".%03u seconds ago\n",
		    role_state_word(pair->peer_state), pair->peer_epoch, ago_us / 1000000,
		    (unsigned)(ago_us / 1000 % 1000));
	else
		text_add_string(out, "\n\t\tNot heard yet\n");
}

static void
add_door(const struct failover_view *view, struct text *out)
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
	text_printf(out, "\tearly packets: %s\n", early_view_word(door->early));
	text_printf(out, "Gate: %s; %s: %s\n", gate_view_word(door->gate),
	    failover_view_release_word(view->release), release_text(view->release));
	if (door->gate_fault[0] != '\0') {
		text_add_string(out, "\tFault: ");
		text_add_escaped(
		    out, door->gate_fault, strlen(door->gate_fault), DOOR_GATE_FAULT_MAX);
		text_add_string(out, "\n");
	}
}

static void
add_refusals(const struct failover_view *view, struct text *out)
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
add_link(const struct failover_view *view, struct text *out)
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
	struct failover_view view;

	if (failover->line == 0) {
		show_failover_off(json, out);
		return;
	}
	failover_view_look(&view, failover, shm);
	if (json) {
		show_failover_json(&view, out);
		return;
	}
	add_head(&view, out);
	add_this_host(&view, out);
	add_other_host(&view, out);
	add_door(&view, out);
	add_link(&view, out);
	show_takeover(&view, out);
}
