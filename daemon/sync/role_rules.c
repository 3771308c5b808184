#include "daemon/sync/role_rules.h"

#include "daemon/sync/role_guards.h"

#include <stddef.h>

#define IN(name)  (1u << ROLE_##name)
#define LIVE	  (IN(RESTORING) | IN(ACTIVE) | IN(DEGRADED) | IN(YIELDING))
#define FOLLOWING (IN(CATCHUP) | IN(SYNCED) | IN(ASKING))
#define SERVING	  (IN(ACTIVE) | IN(DEGRADED))
#define PAIR	  (~IN(STANDALONE))
#define ROLE_STAY ROLE_STATES

_Static_assert(ROLE_STATES <= 16, "a rule names its states in 16 bits");

uint64_t
role_next_epoch(const struct role *role)
{
	uint64_t number = role->start.epoch.number;

	return epoch_next(number > role->fence ? number : role->fence, role->start.side);
}

struct role_action *
role_add(struct role_result *result, enum role_action_kind kind)
{
	/* The last one is given up rather than what lies behind it. */
	unsigned at = result->count < ROLE_ACTIONS_MAX ? result->count++ : ROLE_ACTIONS_MAX - 1;

	result->action[at] = (struct role_action){.kind = kind};
	return &result->action[at];
}

void
role_add_raise(struct role *role, struct role_result *result)
{
	const struct epoch epoch = {role->next, role->start.epoch.base};

	role_add(result, ROLE_DO_RAISE_EPOCH)->epoch = epoch;
	role->restore = ROLE_RESTORE_OPEN;
	if (role->replica)
		role_add(result, ROLE_DO_RESTORE)->epoch = epoch;
}

/* ---- effects: what is done beside what the new state itself asks for ---- */

static void
nothing(struct role_step *step)
{
	(void)step;
}

/* The reason is told, though the state stays (role.c). */
static void
tell(struct role_step *step)
{
	(void)step;
}

static void
look_again(struct role_step *step)
{
	step->again = true;
}

static void
silence(struct role_step *step)
{
	role_add(step->result, ROLE_DO_SILENCE);
	step->role->custody = false;
	step->role->alone = false;
}

static void
silence_and_look_again(struct role_step *step)
{
	silence(step);
	look_again(step);
}

/* Those of its epoch, or those that are being made for the next one. */
static bool
has_sockets(const struct role *role)
{
	return role->custody || (role->state == ROLE_RAISING && role->replica);
}

static void
break_down(struct role_step *step)
{
	step->role->local_fault = true;
	step->role->next = 0;
	if (has_sockets(step->role))
		silence(step);
}

static void
save_epoch(struct role_step *step)
{
	role_add(step->result, ROLE_DO_SAVE_EPOCH)->epoch = step->role->start.epoch;
}

static void
resync(struct role_step *step)
{
	role_add(step->result, ROLE_DO_RESYNC);
}

static void
follow(struct role_step *step)
{
	if (guard_is_higher(step->role, step->input)) {
		step->role->start.epoch.number = step->input->hello.epoch;
		save_epoch(step);
	}
	resync(step);
}

static void
agree_base(struct role_step *step)
{
	if (step->role->start.epoch.base == step->role->start.epoch.number)
		return;
	step->role->start.epoch.base = step->role->start.epoch.number;
	save_epoch(step);
}

static void
pair(struct role_step *step)
{
	step->role->alone = false;
	agree_base(step);
	role_add(step->result, ROLE_DO_SAY_SYNCED);
}

static void
set_timer(struct role_step *step, enum role_timer timer, uint32_t ms)
{
	struct role_action *action = role_add(step->result, ROLE_DO_SET_TIMER);

	action->timer = timer;
	action->ms = ms;
}

static void
age_replica(struct role_step *step)
{
	bool lives = step->role->said[ROLE_PATH_LAN].heard;

	set_timer(
	    step, ROLE_TIMER_REPLICA, lives ? step->role->start.degrade_after_ms : ROLE_REPLICA_MS);
}

static void
note_stall(struct role_step *step)
{
	step->role->stalled = true;
}

static void
forget_stall(struct role_step *step)
{
	step->role->stalled = false;
}

static void
raise_epoch(struct role_step *step, bool replica)
{
	step->role->next = role_next_epoch(step->role);
	step->role->replica = replica;
	role_add_raise(step->role, step->result);
}

static void
begin(struct role_step *step)
{
	raise_epoch(step, false);
}

static void
take_over(struct role_step *step)
{
	raise_epoch(step, true);
}

static void
take_epoch(struct role_step *step)
{
	step->role->start.epoch.number = step->role->next;
	step->role->next = 0;
}

static void
note_restored(struct role_step *step)
{
	step->role->restore = ROLE_RESTORE_DONE;
}

static void
note_not_restored(struct role_step *step)
{
	step->role->restore = ROLE_RESTORE_FAILED;
}

static void
give_up(struct role_step *step)
{
	take_epoch(step);
	if (has_sockets(step->role))
		silence(step);
}

static void
give_up_and_look_again(struct role_step *step)
{
	give_up(step);
	look_again(step);
}

static void
break_down_in_epoch(struct role_step *step)
{
	take_epoch(step);
	break_down(step);
}

static void
own(struct role_step *step)
{
	take_epoch(step);
	step->role->custody = true;
}

static void
gain_right_alone(struct role_step *step)
{
	step->role->alone = true;
}

static void
own_alone(struct role_step *step)
{
	own(step);
	gain_right_alone(step);
}

static void
ask(struct role_step *step)
{
	role_add(step->result, ROLE_DO_ASK_FREEZE);
	set_timer(step, ROLE_TIMER_HANDOVER, ROLE_HANDOVER_MS);
}

static void
freeze(struct role_step *step)
{
	role_add(step->result, ROLE_DO_SAY_FROZEN);
	set_timer(step, ROLE_TIMER_FROZEN, ROLE_FROZEN_MS);
}

static void
wish(struct role_step *step)
{
	step->role->wish = true;
}

static void
forget_wish(struct role_step *step)
{
	step->role->wish = false;
}

/* ---- the table ---- */

static const struct role_rule rules[] = {
#define ROLE_RULE(states, input, guard, to, effect, why)                                           \
	{(uint16_t)(states), ROLE_IN_##input, ROLE_##to, ROLE_WHY_##why, ROLE_NO_NONE,             \
	    guard_##guard, effect},
#define ROLE_DENY(states, input, guard, refusal)                                                   \
	{(uint16_t)(states), ROLE_IN_##input, ROLE_STATES, ROLE_WHY_NONE, ROLE_NO_##refusal,       \
	    guard_##guard, NULL},
#include "daemon/sync/role.def"
#undef ROLE_RULE
#undef ROLE_DENY
};

const struct role_rule *
role_rule_at(unsigned index)
{
	return index < sizeof(rules) / sizeof(rules[0]) ? &rules[index] : NULL;
}

const struct role_rule *
role_rule_find(const struct role *role, const struct role_input *input)
{
	const struct role_rule *rule;

	for (unsigned i = 0; (rule = role_rule_at(i)) != NULL; i++)
		if (rule->input == (uint8_t)input->kind && (rule->states >> role->state & 1) != 0 &&
		    rule->guard(role, input))
			return rule;
	return NULL;
}
