#include "daemon/sync/stall.h"

uint32_t
stall_look(struct stall *stall, uint64_t now_us, uint64_t echoed_us, uint64_t acknowledged,
    uint64_t newest)
{
	uint64_t step = stall->looked_us == 0 ? 0 : now_us - stall->looked_us;

	if (step > STALL_STEP_US)
		step = STALL_STEP_US;
	stall->looked_us = now_us;
	stall->echo_quiet_us += step;
	stall->ack_quiet_us += step;
	/* 0 is the beginning of another conversation, and says nothing. */
	if (echoed_us != 0 && echoed_us != stall->echoed)
		stall->echo_quiet_us = 0;
	if (acknowledged == newest || acknowledged != stall->acknowledged)
		stall->ack_quiet_us = 0;
	stall->echoed = echoed_us;
	stall->acknowledged = acknowledged;
	uint64_t quiet =
	    stall->echo_quiet_us > stall->ack_quiet_us ? stall->echo_quiet_us : stall->ack_quiet_us;
	return (uint32_t)(quiet / 1000);
}
