#include "worker/inspect/criterion_table.h"

#include "worker/inspect/command_table.h"

#include <string.h>

_Static_assert((unsigned)CRITERION_COUNT <= INSPECT_CRITERIA_MAX, "room in the policy");

#define LETTER(actions, letter, action)                                                            \
	(__builtin_strchr(actions, letter) ? 1u << INSPECT_ACTION_##action : 0u)
#define ACTIONS(actions)                                                                           \
	(LETTER(actions, 'L', LOG) | LETTER(actions, 'M', MASK) | LETTER(actions, 'R', REJECT) |   \
	    LETTER(actions, 'D', DROP) | LETTER(actions, 'E', RESET))

static const struct criterion_row rows[CRITERION_COUNT] = {
#define CRITERION(identifier, name, operand, where, actions)                                       \
	[CRITERION_##identifier] = {                                                               \
	    name, sizeof(name) - 1, CRITERION_##operand, CRITERION_##where, ACTIONS(actions)},
#include "worker/inspect/criterion_table.def"
#undef CRITERION
};

static const char *const actions[INSPECT_ACTIONS] = {
    [INSPECT_ACTION_LOG] = "log",
    [INSPECT_ACTION_MASK] = "mask",
    [INSPECT_ACTION_REJECT] = "reject",
    [INSPECT_ACTION_DROP] = "drop-connection",
    [INSPECT_ACTION_RESET] = "reset",
};

const struct criterion_row *
criterion_table_row(unsigned criterion)
{
	return &rows[criterion];
}

const char *
inspect_criterion_name(unsigned criterion)
{
	return criterion < CRITERION_COUNT ? rows[criterion].name : NULL;
}

unsigned
inspect_criterion_find(const char *name, size_t length)
{
	unsigned i = 0;

	while (i < CRITERION_COUNT &&
	       (rows[i].name_length != length || !ascii_equal(rows[i].name, name, length)))
		i++;
	return i;
}

bool
inspect_criterion_takes(unsigned criterion, enum inspect_action action)
{
	return criterion < CRITERION_COUNT && (rows[criterion].actions >> action & 1) != 0;
}

const char *
inspect_action_name(unsigned action)
{
	return action < INSPECT_ACTIONS ? actions[action] : NULL;
}
