#include "worker/inspect/content.h"

#include "worker/inspect/rule.h"

void
content_begin(struct inspect *state)
{
	state->column = 0;
	state->content_part = CONTENT_HEADER;
	state->content_flags = 0;
	state->extra.field_length = 0;
	state->extra.boundaries = 0;
}

size_t
content_take(struct builder *build, const uint8_t *octets, size_t length)
{
	(void)octets;
	build->refusal = RULE_NONE;
	return length;
}

bool
content_end(struct builder *build)
{
	build->refusal = RULE_NONE;
	return true;
}
