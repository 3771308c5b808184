#include "worker/inspect/command_table.h"

#include "worker/inspect/own_reply.h"
#include "worker/inspect/policy.h"

static const struct verb verbs[] = {
#define VERB(name, limit, argument, class, turn, refusal)                                          \
	{#name, sizeof(#name) - 1, argument, VERB_CLASS_##class, VERB_TURN_##turn, refusal, limit},
#include "worker/inspect/command_table.def"
#undef VERB
    {"", 0, ARGUMENT_ANY, VERB_CLASS_NEVER, VERB_TURN_LAST, OWN_UNKNOWN, LINE_LIMIT_DEFAULT},
};

_Static_assert(VERB_PERMITTED <= 64, "a policy has 64 bits for verbs");

const struct verb *
command_table_row(unsigned verb)
{
	return &verbs[verb < VERB_UNKNOWN ? verb : VERB_UNKNOWN];
}

bool
ascii_equal(const void *left, const void *right, size_t length)
{
	const uint8_t *a = left, *b = right;

	for (size_t i = 0; i < length; i++) {
		unsigned x = a[i], y = b[i];
		if (x - 'a' < 26)
			x -= 32;
		if (y - 'a' < 26)
			y -= 32;
		if (x != y)
			return false;
	}
	return true;
}

unsigned
command_table_find(const void *name, size_t length)
{
	for (unsigned verb = 0; verb < VERB_UNKNOWN; verb++)
		if (verbs[verb].name_length == length &&
		    ascii_equal(verbs[verb].name, name, length))
			return verb;
	return VERB_UNKNOWN;
}

uint64_t
command_table_defaults(void)
{
	uint64_t bits = 0;

	for (unsigned verb = 0; verb < VERB_PERMITTED; verb++)
		if (verbs[verb].class == VERB_CLASS_PASS)
			bits |= UINT64_C(1) << verb;
	return bits;
}

const char *
inspect_verb_name(unsigned verb)
{
	return verb < VERB_PERMITTED ? verbs[verb].name : NULL;
}

unsigned
inspect_verb_find(const char *name, size_t length)
{
	unsigned verb = command_table_find(name, length);

	return verb < VERB_PERMITTED ? verb : VERB_PERMITTED;
}
