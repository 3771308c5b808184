#include "daemon/sync/status.h"

#include "daemon/sync/standing.h"
#include "shm/gateway_clock.h"

#include <stdio.h>
#include <string.h>

static enum pair_channel
channel_word_of(const struct sync *sync)
{
	const struct agreement *agreement = channel_agreement(sync->channel);

	switch (channel_state(sync->channel)) {
	case CHANNEL_GREETING:
		return PAIR_CHANNEL_GREETING;
	case CHANNEL_TALKING:
		break;
	default:
		return peer_link_is_trying(sync->link) ? PAIR_CHANNEL_CONNECTING
						       : PAIR_CHANNEL_DOWN;
	}
	if (agreement->part == AGREED_SEND)
		return outgoing_is_synced(channel_outgoing(sync->channel)) ? PAIR_CHANNEL_UP
									   : PAIR_CHANNEL_SNAPSHOT;
	if (agreement->part == AGREED_RECEIVE)
		return incoming_is_synced(channel_incoming(sync->channel)) ? PAIR_CHANNEL_UP
									   : PAIR_CHANNEL_SNAPSHOT;
	return PAIR_CHANNEL_UP;
}

static void
fill_log(const struct sync *sync, struct pair_status *status)
{
	const struct outgoing *out = channel_outgoing(sync->channel);

	if (agreement_role_is_active(standing_part(sync->role.state))) {
		status->newest_lsn = outgoing_newest(out);
		status->acked_lsn = outgoing_acknowledged(out);
		status->waiting = status->newest_lsn - status->acked_lsn;
		status->waiting_bytes = outgoing_held_bytes(out);
		status->lag_us = status->waiting > 0 ? sync->stall.ack_quiet_us : 0;
		return;
	}
	status->newest_lsn = channel_heartbeat(sync->channel)->lsn;
	status->acked_lsn = incoming_lsn(channel_incoming(sync->channel));
	status->waiting = status->waiting_bytes = status->lag_us = 0;
}

static void
fill_snapshot(const struct sync *sync, struct pair_status *status)
{
	bool is_told = status->channel == PAIR_CHANNEL_SNAPSHOT &&
		       channel_agreement(sync->channel)->part == AGREED_SEND;

	status->snapshot_done = is_told ? sync->feed.protected_sessions : 0;
	status->snapshot_whole = is_told ? sync->feed.served_sessions : 0;
}

void
status_publish(struct sync *sync)
{
	struct pair_status *status = &sync->status;
	struct pair_status before = *status;
	const struct role_said *said = &sync->role.said[ROLE_PATH_SYNC];

	status->reason = sync->role.why;
	status->channel = channel_word_of(sync);
	status->epoch = sync->role.start.epoch.number;
	status->peer_epoch = channel_peer_epoch(sync->channel);
	status->peer_state = said->state;
	fill_log(sync, status);
	fill_snapshot(sync, status);
	status->protected_sessions = feed_sessions(&sync->feed);
	snprintf(status->node, sizeof(status->node), "%s", sync->role.start.node);
	snprintf(status->peer, sizeof(status->peer), "%s", sync->role.peer);
	if (memcmp(&before, status, sizeof(before)) != 0)
		pair_view_publish(shm_pair_view(&sync->shm), status);
	pair_view_alive(shm_pair_view(&sync->shm), sync->pid, monotonic_now_ms());
}
