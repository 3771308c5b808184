#include "daemon/sync/role.h"

#include "daemon/sync/role_rules.h"

#include <stddef.h>
#include <string.h>

struct state_row {
	bool open;
	enum role_release release;
	bool follows;
	bool claims;
	uint32_t event;
};

#define OPEN   true
#define SHUT   false
#define HELD   ROLE_HELD
#define PAIRED ROLE_PAIRED
#define ALONE  ROLE_ALONE
#define YES    true
#define NO     false
static const struct state_row states[ROLE_STATES] = {
#define ROLE_STATE(name, word, door, release, follows, claims, event)                              \
	[ROLE_##name] = {door, release, follows, claims, event},
#include "daemon/sync/role.def"
#undef ROLE_STATE
};
#undef OPEN
#undef SHUT
#undef HELD
#undef PAIRED
#undef ALONE
#undef YES
#undef NO

#define EVENT_STAYS 109061u /* something is told, and the state stays */
#define EVENT_OK    104004u /* FAULT is over */

static const uint8_t refusal_of[ROLE_INPUTS] = {
#define ROLE_INPUT(name, words, refusal) [ROLE_IN_##name] = ROLE_NO_##refusal,
#include "daemon/sync/role.def"
#undef ROLE_INPUT
};

bool
role_door_open(enum role_state state)
{
	return (unsigned)state < ROLE_STATES && states[state].open;
}

enum role_release
role_release(enum role_state state)
{
	return (unsigned)state < ROLE_STATES ? states[state].release : ROLE_HELD;
}

bool
role_follows(enum role_state state)
{
	return (unsigned)state < ROLE_STATES && states[state].follows;
}

bool
role_claims(enum role_state state)
{
	return (unsigned)state < ROLE_STATES && states[state].claims;
}

void
role_hello_fill(const struct role *role, struct role_hello *ret_hello)
{
	*ret_hello = (struct role_hello){.epoch = role->start.epoch.number,
	    .version = ROLE_VERSION,
	    .state = (uint8_t)role->state,
	    .side = role->start.side};
	memcpy(ret_hello->node, role->start.node, sizeof(ret_hello->node));
}

static bool
is_name(const char name[ROLE_NODE_MAX])
{
	return name[0] != '\0' && memchr(name, '\0', ROLE_NODE_MAX) != NULL;
}

/* The epoch comes last: what is not of this machine's language says nothing about it. */
static enum role_refusal
check_hello(const struct role *role, const struct role_hello *hello)
{
	if (hello->state >= ROLE_STATES || hello->state == ROLE_STANDALONE || hello->side > 1 ||
	    hello->version == 0 || hello->epoch > EPOCH_MAX || !is_name(hello->node))
		return ROLE_NO_BAD_INPUT;
	if (strcmp(hello->node, role->start.node) == 0)
		return ROLE_NO_SAME_NAME;
	if (hello->side == role->start.side)
		return ROLE_NO_SAME_SIDE;
	if (hello->version > ROLE_VERSION + 1 || hello->version + 1 < ROLE_VERSION)
		return ROLE_NO_VERSION;
	if (role_claims(hello->state) &&
	    (hello->epoch == 0 || epoch_side(hello->epoch) != hello->side))
		return ROLE_NO_FOREIGN_EPOCH;
	return ROLE_NO_NONE;
}

static enum role_refusal
check(const struct role *role, const struct role_input *input)
{
	if ((unsigned)input->kind >= ROLE_INPUTS || (unsigned)input->path >= ROLE_PATHS ||
	    (unsigned)input->timer >= ROLE_TIMERS || input->epoch > EPOCH_MAX)
		return ROLE_NO_BAD_INPUT;
	return input->kind == ROLE_IN_HELLO ? check_hello(role, &input->hello) : ROLE_NO_NONE;
}

static void
hear(struct role *role, uint64_t epoch)
{
	if (epoch > role->fence)
		role->fence = epoch;
}

/* What an input says is known before it is asked what to do. */
static void
note(struct role *role, const struct role_input *input)
{
	const struct role_hello *hello = &input->hello;

	if (input->kind == ROLE_IN_MASTER)
		role->start.word = ROLE_WORD_MASTER;
	else if (input->kind == ROLE_IN_BACKUP)
		role->start.word = ROLE_WORD_BACKUP;
	else if (input->kind == ROLE_IN_NO_ADDRESS)
		role->start.word = ROLE_WORD_FAULT;
	else if (input->kind == ROLE_IN_STOP)
		role->start.word = ROLE_WORD_STOP;
	else if (input->kind == ROLE_IN_WITNESS_UP || input->kind == ROLE_IN_WITNESS_DOWN)
		role->witness = input->kind == ROLE_IN_WITNESS_UP;
	else if (input->kind == ROLE_IN_FAULT_BEGINS || input->kind == ROLE_IN_FAULT_ENDS)
		role->local_fault = input->kind == ROLE_IN_FAULT_BEGINS;
	else if (input->kind == ROLE_IN_LOST)
		role->said[input->path].heard = false;
	else if (input->kind == ROLE_IN_FENCED)
		hear(role, input->epoch);
	if (input->kind != ROLE_IN_HELLO)
		return;
	role->said[input->path] = (struct role_said){true, hello->state, hello->epoch};
	memcpy(role->peer, hello->node, sizeof(role->peer));
	hear(role, hello->epoch);
}

/* ---- what a new state asks for ---- */

/* What takes something away comes before all else, what gives it after. */
static void
close_down(enum role_state from, enum role_state to, struct role_result *result)
{
	if (role_release(to) < role_release(from))
		role_add(
		    result, role_release(to) == ROLE_HELD ? ROLE_DO_HOLD : ROLE_DO_RELEASE_PAIRED);
	if (role_door_open(from) && !role_door_open(to))
		role_add(result, ROLE_DO_CLOSE_DOOR);
}

static void
open_up(enum role_state from, enum role_state to, struct role_result *result)
{
	if (role_release(to) > role_release(from))
		role_add(result, role_release(to) == ROLE_ALONE ? ROLE_DO_RELEASE_ALONE
								: ROLE_DO_RELEASE_PAIRED);
	if (role_door_open(to) && !role_door_open(from))
		role_add(result, ROLE_DO_OPEN_DOOR);
}

/* A host that waits stands behind, one that wants the address is ahead as if it had it, and one that
 * must not have it gives it up. */
static int32_t
track_value(const struct role *role)
{
	struct epoch epoch = role->start.epoch;

	switch (role->state) {
	case ROLE_WAITING:
		return role_peer_has_replica(role) ? EPOCH_TRACK_UNFIT : 0;
	case ROLE_FAULT:
		return role->local_fault ? EPOCH_TRACK_UNFIT : 0;
	case ROLE_CATCHUP:
		return EPOCH_TRACK_UNFIT;
	case ROLE_STANDALONE:
		return 0;
	case ROLE_ACTIVE:
		return role->wish ? -1 : epoch_track_value(&epoch);
	case ROLE_RAISING:
		epoch.number = role->next;
		return epoch_track_value(&epoch);
	default:
		if (role->wish || role->state == ROLE_ASKING)
			epoch.number = role_next_epoch(role);
		return epoch_track_value(&epoch);
	}
}

static void
track(struct role *role, struct role_result *result)
{
	int32_t value = track_value(role);

	if (value != role->track)
		role_add(result, ROLE_DO_TRACK)->value = value;
	role->track = value;
}

/* ---- the step ---- */

struct tales {
	unsigned count;
	struct role_action action[ROLE_ACTIONS_MAX];
};

static void
keep_tale(struct tales *tales, const struct role *role, uint32_t event, enum role_reason reason)
{
	if (tales->count < ROLE_ACTIONS_MAX)
		tales->action[tales->count++] = (struct role_action){.kind = ROLE_DO_TELL,
		    .event = event,
		    .reason = reason,
		    .epoch = role->start.epoch};
}

static void
enter(struct role *role, enum role_state to, enum role_reason reason, struct tales *tales)
{
	if (role->state == ROLE_FAULT)
		keep_tale(tales, role, EVENT_OK, reason);
	role->state = to;
	role->why = reason;
	role->told = ROLE_WHY_NONE;
	role->wish = false;
	role->stalled = false;
	keep_tale(tales, role, states[to].event, reason);
}

/* The same is not told twice while the state stays. */
static void
stay(struct role *role, enum role_reason reason, struct tales *tales)
{
	if (reason == ROLE_WHY_NONE || reason == role->told)
		return;
	role->told = reason;
	keep_tale(tales, role, EVENT_STAYS, reason);
}

static enum role_refusal
apply(struct role_step *step, struct tales *tales)
{
	struct role *role = step->role;
	const struct role_rule *rule = role_rule_find(role, step->input);

	if (rule == NULL)
		return (enum role_refusal)refusal_of[step->input->kind];
	if (rule->refusal != ROLE_NO_NONE)
		return (enum role_refusal)rule->refusal;
	if (rule->to == ROLE_RAISING && role_next_epoch(role) == 0)
		return ROLE_NO_NO_EPOCH_LEFT;
	bool moves = rule->to != ROLE_STATES;
	if (moves)
		close_down(role->state, (enum role_state)rule->to, step->result);
	rule->effect(step);
	if (moves)
		enter(role, (enum role_state)rule->to, (enum role_reason)rule->reason, tales);
	else
		stay(role, (enum role_reason)rule->reason, tales);
	return ROLE_NO_NONE;
}

/* A host that waits again looks whom to follow, or whether it may begin. */
static void
look_again(struct role_step *step, struct tales *tales)
{
	const struct role_said *said = &step->role->said[ROLE_PATH_SYNC];
	struct role_input again = {.kind = ROLE_IN_HELLO,
	    .path = ROLE_PATH_SYNC,
	    .hello = {.epoch = said->epoch, .state = said->state}};

	if (!said->heard && step->role->start.word != ROLE_WORD_MASTER)
		return;
	if (!said->heard)
		again.kind = ROLE_IN_MASTER;
	step->input = &again;
	apply(step, tales);
}

static void
finish(struct role *role, const struct role *before, const struct tales *tales,
    struct role_result *result)
{
	if (role->state != before->state || role->start.epoch.number != before->start.epoch.number)
		role_add(result, ROLE_DO_SAY_HELLO);
	open_up(before->state, role->state, result);
	track(role, result);
	for (unsigned i = 0; i < tales->count; i++)
		*role_add(result, ROLE_DO_TELL) = tales->action[i];
}

void
role_step(struct role *role, const struct role_input *input, struct role_result *result)
{
	struct role_input fenced = {.kind = ROLE_IN_FENCED};
	struct role before = *role;
	struct tales tales = {0};
	enum role_refusal refusal = check(role, input);
	struct role_step step = {role, input, result, false};

	result->count = 0;
	result->refusal = refusal;
	if (refusal != ROLE_NO_NONE && refusal != ROLE_NO_VERSION)
		return;
	if (refusal == ROLE_NO_VERSION) {
		fenced.epoch = input->hello.epoch;
		step.input = &fenced;
	}
	if (role->state != ROLE_STANDALONE)
		note(role, step.input);
	enum role_refusal taken = apply(&step, &tales);
	if (step.again)
		look_again(&step, &tales);
	if (refusal == ROLE_NO_NONE)
		result->refusal = taken;
	finish(role, &before, &tales, result);
}

static bool
check_start(const struct role_start *start)
{
	return start->side <= 1 && start->policy <= ROLE_STRICT && start->word <= ROLE_WORD_STOP &&
	       start->epoch.number <= EPOCH_MAX && start->restoring <= EPOCH_MAX &&
	       start->epoch.base <= start->epoch.number && (!start->pair || is_name(start->node));
}

/* What was being restored is gone on with, whether or not its epoch is saved. */
static enum role_state
first_state(const struct role_start *start)
{
	uint64_t number = start->epoch.number;
	bool goes_on = start->restoring > 0 && epoch_side(start->restoring) == start->side;

	if (!start->pair)
		return ROLE_STANDALONE;
	if (goes_on && start->restoring > number)
		return ROLE_RAISING;
	if (goes_on && start->restoring == number)
		return ROLE_RESTORING;
	return start->serving && number > 0 && epoch_side(number) == start->side ? ROLE_ACTIVE
										 : ROLE_WAITING;
}

/* What was done before is done again. */
static void
begin_in(struct role *role, enum role_state state, struct role_result *result)
{
	const struct role_start *start = &role->start;

	role->custody = state == ROLE_ACTIVE || state == ROLE_RESTORING;
	/* How things stand is not known: what is to be shut is said, as if it were open. */
	if (state != ROLE_STANDALONE && state != ROLE_ACTIVE)
		close_down(ROLE_STANDALONE, state, result);
	if (state == ROLE_WAITING && (start->serving || start->restoring > 0))
		role_add(result, ROLE_DO_SILENCE);
	if (state == ROLE_RESTORING)
		role_add(result, ROLE_DO_RESTORE)->epoch = start->epoch;
	if (state != ROLE_RAISING)
		return;
	role->next = start->restoring;
	role->replica = true;
	role_add_raise(role, result);
}

bool
role_start(struct role *role, const struct role_start *start, struct role_result *ret_result)
{
	struct role before = {.state = ROLE_WAITING, .start = *start};
	enum role_state state = first_state(start);
	bool resumes = state != ROLE_STANDALONE && state != ROLE_WAITING;
	struct tales tales = {0};

	*role = (struct role){.start = *start, .track = INT32_MIN};
	*ret_result = (struct role_result){0};
	if (!check_start(start))
		return false;
	begin_in(role, state, ret_result);
	enter(role, state, resumes ? ROLE_WHY_RESUMED : ROLE_WHY_STARTED, &tales);
	finish(role, &before, &tales, ret_result);
	return true;
}
