#include "worker/inspect/hold.h"

void
hold_begin(struct builder *build)
{
	if (build->policy->needs & INSPECT_NEED_HOLD && build->policy->header_hold)
		build->state->hold = 1;
}

void
hold_release(struct builder *build)
{
	build->state->hold = 0;
	build->state->held = 0;
}
