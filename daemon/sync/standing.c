#include "daemon/sync/standing.h"

#include "daemon/endpoint.h"
#include "daemon/sync/role_words.h"
#include "daemon/sync/talk.h"
#include "daemon/sync/track.h"
#include "shm/door_view.h"
#include "shm/gateway_clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NEVER	      UINT64_MAX
#define LOOK_US	      50000u /* at the stall, the faults, the operator's requests */
#define DISK_AGAIN_US 1000000u
/* So long a host that could not restore does not try to be anything else. */
#define RESTORE_AGAIN_US 1000000u

static struct event_ring *
events(const struct sync *sync)
{
	return shm_events(&sync->shm, SHM_WRITER_SYNC);
}

enum sync_role
standing_part(enum role_state state)
{
	if (state == ROLE_DEGRADED)
		return SYNC_ROLE_DEGRADED;
	if (role_claims(state))
		return SYNC_ROLE_ACTIVE;
	/* Who raises its epoch takes and acknowledges nothing any more. */
	return state == ROLE_FAULT || state == ROLE_RAISING ? SYNC_ROLE_FAULT : SYNC_ROLE_STANDBY;
}

/* ---- what the machine asks for ---- */

static void
cannot(struct sync *sync, const char *what, int error)
{
	report_tell(events(sync), 109084, what, strerror(error), sync->role.start.epoch.number);
}

static void
stand(struct sync *sync)
{
	channel_set_standing(
	    sync->channel, standing_part(sync->role.state), sync->role.start.epoch.number);
	channel_set_state(sync->channel, sync->role.state);
}

static void
tell(struct sync *sync, const struct role_action *action)
{
	report_tell(events(sync), action->event, role_reason_text(action->reason),
	    role_state_word(sync->role.state), action->epoch.number);
}

void
standing_forget_replica(struct sync *sync)
{
	channel_forget(sync->channel);
	/* What was taken is served when that is answered, and silenced behind it; meanwhile nothing is stored. */
	if (!requests_wait_for(&sync->requests, REQUEST_RESTORE))
		feed_forget(&sync->feed);
}

static void
carry_out(struct sync *sync, const struct role_action *action)
{
	uint64_t epoch = sync->role.start.epoch.number;
	int error;

	switch (action->kind) {
	case ROLE_DO_HOLD:
		feed_set_release(&sync->feed, ROLE_HELD);
		break;
	case ROLE_DO_RELEASE_PAIRED:
		feed_set_release(&sync->feed, ROLE_PAIRED);
		break;
	case ROLE_DO_RELEASE_ALONE:
		feed_set_release(&sync->feed, ROLE_ALONE);
		break;
	case ROLE_DO_CLOSE_DOOR:
		requests_ask(&sync->requests, REQUEST_DOOR, 0, epoch);
		break;
	case ROLE_DO_OPEN_DOOR:
		requests_ask(&sync->requests, REQUEST_DOOR, 1, epoch);
		break;
	case ROLE_DO_SILENCE:
		requests_ask(&sync->requests, REQUEST_SILENCE, epoch, 0);
		break;
	case ROLE_DO_RESTORE:
		requests_ask(&sync->requests, REQUEST_RESTORE, action->epoch.number, 0);
		break;
	case ROLE_DO_RAISE_EPOCH:
	case ROLE_DO_SAVE_EPOCH:
		epoch_saver_ask(sync->saver, &action->epoch);
		break;
	case ROLE_DO_SAY_HELLO:
		stand(sync);
		break;
	case ROLE_DO_RESYNC:
		standing_forget_replica(sync);
		break;
	case ROLE_DO_ASK_FREEZE:
		channel_say(sync->channel, SYNC_SAYING_FREEZE);
		break;
	case ROLE_DO_SAY_FROZEN:
		sync->frozen_due = true;
		break;
	case ROLE_DO_SAY_SYNCED:
		channel_say(sync->channel, SYNC_SAYING_SYNCED);
		break;
	case ROLE_DO_SET_TIMER:
		sync->timer_us[action->timer] = sync->now_us + action->ms * 1000ull;
		break;
	case ROLE_DO_TRACK:
		error = track_write(SYNC_FD_TRACK, action->value);
		if (error < 0)
			cannot(sync, "writing the track file", -error);
		break;
	case ROLE_DO_TELL:
		tell(sync, action);
		break;
	case ROLE_ACTION_KINDS:
		break;
	}
}

/* The epoch for which sessions are being made; 0: none. */
static uint64_t
restored_epoch(const struct role *role)
{
	if (role->state == ROLE_RAISING && role->replica)
		return role->next;
	return role->state == ROLE_RESTORING ? role->start.epoch.number : 0;
}

/* So that a sync process that comes after this one knows whose sessions are here. */
static void
keep(struct sync *sync)
{
	struct pair_view *view = shm_pair_view(&sync->shm);
	uint64_t restored = restored_epoch(&sync->role);

	/* That they are gone is noted when they are (standing_answered()). */
	if (sync->role.custody && sync->role.state != ROLE_RESTORING)
		atomic_store(&view->served, sync->role.start.epoch.number);
	/* Until the door is open nothing has come of it that could not be made again. */
	if (restored != 0 && restored != atomic_load(&view->restoring)) {
		atomic_store(&view->restoring_ms, monotonic_now_ms());
		atomic_store(&view->restoring, restored);
	}
	if (restored == 0 && !sync->role.custody)
		atomic_store(&view->restoring, 0);
	atomic_store(&view->word, (uint32_t)sync->role.start.word);
}

static void
note_change(struct sync *sync)
{
	const struct pair_change change = {
	    .at_us = realtime_now_us(),
	    .epoch = sync->role.start.epoch.number,
	    .from = sync->status.state,
	    .to = sync->role.state,
	    .reason = sync->role.why,
	};

	sync->status.since_us = change.at_us;
	sync->status.state = change.to;
	pair_history_add(shm_pair_history(&sync->shm), &change);
}

static void
carry_out_all(struct sync *sync, const struct role_result *result)
{
	keep(sync);
	for (unsigned i = 0; i < result->count; i++)
		carry_out(sync, &result->action[i]);
	if (sync->status.state != sync->role.state)
		note_change(sync);
}

/* A replica that counts as old must not lie where sessions of this host are to be. */
static void
give_up_replica(struct sync *sync)
{
	static const enum role_state keep[] = {
	    ROLE_CATCHUP, ROLE_SYNCED, ROLE_ASKING, ROLE_RAISING, ROLE_RESTORING};

	for (unsigned i = 0; i < sizeof(keep) / sizeof(keep[0]); i++)
		if (sync->role.state == keep[i])
			return;
	if (feed_held(&sync->feed) > 0)
		standing_forget_replica(sync);
}

enum role_refusal
standing_input(struct sync *sync, const struct role_input *input)
{
	enum role_state before = sync->role.state;
	bool had_custody = sync->role.custody;
	struct pair_view *view = shm_pair_view(&sync->shm);
	struct role_result result;

	role_step(&sync->role, input, &result);
	if (had_custody && !sync->role.custody)
		atomic_store(&view->is_word_used, 1);
	if (before != ROLE_FAULT && sync->role.state == ROLE_FAULT &&
	    sync->role.why == ROLE_WHY_NOT_RESTORED) {
		sync->restore_again_us = sync->now_us + RESTORE_AGAIN_US;
		sync->has_fault = true;
	}
	takeover_cause_note(&sync->cause, shm_takeover_view(&sync->shm), before, &sync->role);
	carry_out_all(sync, &result);
	give_up_replica(sync);
	/* keepalived says nothing twice, and has given the address to a host that could not serve then. By that word
	 * this host may have served since, and have lost the role: it was killed before it could say so. */
	if (before != ROLE_SYNCED && sync->role.state == ROLE_SYNCED &&
	    sync->role.start.word == ROLE_WORD_MASTER && atomic_load(&view->is_word_used) == 0)
		standing_simple(sync, ROLE_IN_MASTER, 0);
	return result.refusal;
}

enum role_refusal
standing_simple(struct sync *sync, enum role_input_kind kind, uint64_t epoch)
{
	return standing_input(sync, &(struct role_input){.kind = kind, .epoch = epoch});
}

/* ---- the start ---- */

/* The epoch being saved has told nobody yet, and the active host may have gone on alone since. */
static bool
is_too_old(const struct sync *sync, const struct pair_view *view)
{
	return sync->settings.failover.commit == SETTINGS_COMMIT_DEGRADE &&
	       monotonic_now_ms() - atomic_load(&view->restoring_ms) >= ROLE_FROZEN_MS;
}

void
standing_look_back(struct sync *sync)
{
	struct pair_view *view = shm_pair_view(&sync->shm);
	struct epoch_saved *found = &sync->found;
	uint64_t restoring = atomic_load(&view->restoring);

	*found = (struct epoch_saved){0};
	found->error = epoch_read(SYNC_FD_STATE, &found->epoch, found->why);
	if (found->error < 0 || restoring > EPOCH_MAX || found->epoch.number > restoring ||
	    (found->epoch.number < restoring && is_too_old(sync, view)))
		atomic_store(&view->restoring, 0);
}

void
standing_start(struct sync *sync)
{
	const struct settings_failover *failover = &sync->settings.failover;
	const struct pair_view *view = shm_pair_view(&sync->shm);
	uint32_t word = atomic_load(&view->word);
	struct role_start start = {
	    .pair = true,
	    .witness = failover->witness.family != 0,
	    .side = endpoint_compare(&failover->listen, &failover->peer) > 0,
	    .policy = failover->commit == SETTINGS_COMMIT_STRICT ? ROLE_STRICT : ROLE_DEGRADE,
	    .word = word <= ROLE_WORD_STOP ? (uint8_t)word : ROLE_WORD_NONE,
	    .degrade_after_ms = failover->degrade_after_ms,
	    .epoch = sync->found.epoch,
	};
	const struct epoch_saved *found = &sync->found;
	struct role_result result;

	/* keepalived is there and has not spoken yet: it has not given the address to this host. */
	if (start.word == ROLE_WORD_NONE && failover->fifo[0] != '\0')
		start.word = ROLE_WORD_BACKUP;
	snprintf(start.node, sizeof(start.node), "%s", failover->node);
	uint64_t served = atomic_load(&view->served);
	start.serving = served != 0 && served == start.epoch.number;
	start.restoring = atomic_load(&view->restoring);
	for (unsigned i = 0; i < ROLE_TIMERS; i++)
		sync->timer_us[i] = NEVER;
	role_start(&sync->role, &start, &result);
	stand(sync);
	/* What is there is nobody's. */
	if (!start.serving && start.restoring == 0)
		requests_ask(&sync->requests, REQUEST_SILENCE, start.epoch.number, 0);
	carry_out_all(sync, &result);
	if (found->error == 0 || found->error == -ENOENT)
		return;
	report_tell(events(sync), 109084, "reading the epoch", found->why, 0);
	standing_simple(sync, ROLE_IN_FAULT_BEGINS, 0);
}

/* ---- what has come to its end ---- */

void
standing_saved(struct sync *sync, const struct epoch_saved *saved)
{
	if (saved->error != 0)
		report_tell(
		    events(sync), 109084, "saving the epoch", saved->why, saved->epoch.number);
	/* What becomes of the one being raised says more than an older one. */
	if (sync->role.state != ROLE_RAISING || saved->epoch.number == sync->role.next) {
		sync->disk_fault = saved->error != 0;
		sync->disk_again_us = sync->now_us + DISK_AGAIN_US;
	}
	standing_simple(sync, saved->error == 0 ? ROLE_IN_EPOCH_SAVED : ROLE_IN_EPOCH_UNSAVED,
	    saved->epoch.number);
}

static const char *
request_text(const struct supervisor_request *request)
{
	switch (request->kind) {
	case REQUEST_SILENCE:
		return "ending the sockets";
	case REQUEST_RESTORE:
		return "restoring the sessions";
	case REQUEST_MEASURE:
		return "measuring the sessions";
	default:
		return request->argument[0] != 0 ? "opening the door" : "shutting the door";
	}
}

void
standing_answered(struct sync *sync, const struct supervisor_request *request, int error)
{
	if (error != 0)
		cannot(sync, request_text(request), -error);
	if (request->kind == REQUEST_SILENCE && error == 0)
		feed_silenced(&sync->feed);
	if (request->kind == REQUEST_DOOR && request->argument[0] != 0 && error == 0)
		atomic_store(&shm_pair_view(&sync->shm)->restoring, 0);
	if (request->kind == REQUEST_SILENCE && !sync->role.custody)
		atomic_store(&shm_pair_view(&sync->shm)->served, 0);
	if (request->kind == REQUEST_MEASURE)
		sync->is_measured = error == 0 && request->argument[0] == sync->measure;
	if (request->kind == REQUEST_RESTORE && error == 0)
		feed_serve(&sync->feed);
	if (request->kind == REQUEST_RESTORE)
		standing_simple(sync, error == 0 ? ROLE_IN_RESTORED : ROLE_IN_RESTORE_FAILED,
		    request->argument[0]);
}

void
standing_word(struct sync *sync, const struct notify_line *line)
{
	static const enum role_input_kind kinds[] = {
	    [NOTIFY_MASTER] = ROLE_IN_MASTER,
	    [NOTIFY_BACKUP] = ROLE_IN_BACKUP,
	    [NOTIFY_FAULT] = ROLE_IN_NO_ADDRESS,
	    [NOTIFY_STOP] = ROLE_IN_STOP,
	};

	report_tell(events(sync), 109086, notify_state_word(line->state), line->name, 0);
	atomic_store(&shm_pair_view(&sync->shm)->is_word_used, 0);
	standing_simple(sync, kinds[line->state], 0);
}

/* ---- once in each turn ---- */

static void
fire_timers(struct sync *sync)
{
	for (unsigned i = 0; i < ROLE_TIMERS; i++) {
		if (sync->timer_us[i] > sync->now_us)
			continue;
		sync->timer_us[i] = NEVER;
		standing_input(
		    sync, &(struct role_input){.kind = ROLE_IN_TIMER, .timer = (enum role_timer)i});
	}
}

static void
look_at_stall(struct sync *sync)
{
	const struct outgoing *log = channel_outgoing(sync->channel);
	uint32_t limit = sync->role.start.degrade_after_ms;
	uint32_t ms = stall_look(&sync->stall, sync->now_us, channel_echoed(sync->channel),
	    outgoing_acknowledged(log), outgoing_newest(log));

	if (sync->role.state != ROLE_ACTIVE)
		return;
	if (ms >= limit && !sync->role.stalled)
		standing_input(sync, &(struct role_input){.kind = ROLE_IN_ACK_STALLED, .ms = ms});
	else if (ms < limit && sync->role.stalled)
		standing_simple(sync, ROLE_IN_ACKED, 0);
}

/* A host whose door does not hold must not serve: the other one's sessions would meet it.  One whose
 * epoch cannot be saved must not take over; whether it can be is tried again. */
static void
look_at_faults(struct sync *sync)
{
	struct door_status door;
	bool has_fault =
	    sync->disk_fault || sync->now_us < sync->restore_again_us ||
	    (door_view_read(shm_door_view(&sync->shm), &door) && door.fault[0] != '\0');

	if (sync->disk_fault && sync->now_us >= sync->disk_again_us &&
	    sync->role.state != ROLE_RAISING) {
		sync->disk_again_us = sync->now_us + DISK_AGAIN_US;
		epoch_saver_ask(sync->saver, &sync->role.start.epoch);
	}

	if (has_fault == sync->has_fault)
		return;
	sync->has_fault = has_fault;
	standing_simple(sync, has_fault ? ROLE_IN_FAULT_BEGINS : ROLE_IN_FAULT_ENDS, 0);
}

static void
look_at_request(struct sync *sync)
{
	static const enum role_input_kind kinds[] = {
	    [PAIR_ACTIVE] = ROLE_IN_OPERATOR_ACTIVE,
	    [PAIR_STANDBY] = ROLE_IN_OPERATOR_STANDBY,
	    [PAIR_FORCE] = ROLE_IN_OPERATOR_FORCE,
	};
	struct pair_answer *answer = shm_pair_answer(&sync->shm);
	enum pair_command command;
	uint32_t number;

	if (!pair_take_request(
		shm_pair_request(&sync->shm), answer, monotonic_now_ms(), &number, &command))
		return;
	pair_give_answer(answer, number, standing_simple(sync, kinds[command], 0));
}

/* What was asked of the supervisor before is done: the door is shut. */
static void
say_frozen(struct sync *sync)
{
	if (!sync->frozen_due || sync->requests.open > 0)
		return;
	sync->frozen_due = false;
	if (role_release(sync->role.state) == ROLE_HELD && sync->role.custody)
		channel_say(sync->channel, SYNC_SAYING_FROZEN);
}

void
standing_tick(struct sync *sync)
{
	look_at_request(sync);
	look_at_faults(sync);
	look_at_stall(sync);
	fire_timers(sync);
	say_frozen(sync);
}

uint64_t
standing_deadline(const struct sync *sync)
{
	uint64_t deadline = sync->now_us + LOOK_US;

	for (unsigned i = 0; i < ROLE_TIMERS; i++)
		if (sync->timer_us[i] < deadline)
			deadline = sync->timer_us[i];
	return deadline;
}
