#include "daemon/manager/failover_command.h"

#include "daemon/sync/role.h"
#include "daemon/sync/role_words.h"
#include "shm/gateway_clock.h"

#include <sysexits.h>
#include <time.h>

#define LOOK_NS 5000000

static bool
await(const struct shm *shm, uint32_t asked, uint64_t end_ms, uint32_t *ret_refusal)
{
	const struct timespec pause = {.tv_nsec = LOOK_NS};

	while (!pair_answered(shm_pair_answer(shm), asked, ret_refusal)) {
		if (monotonic_now_ms() >= end_ms)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

int
failover_command(const struct settings_failover *failover, const struct shm *shm,
    enum pair_command command, const char **ret_reason)
{
	uint64_t now_ms = monotonic_now_ms();
	uint32_t asked, refusal;

	if (failover->line == 0) {
		*ret_reason = role_refusal_text(ROLE_NO_NOT_A_PAIR);
		return EX_UNAVAILABLE;
	}
	if (!pair_view_is_alive(shm_pair_view(shm), now_ms)) {
		*ret_reason = "the sync process does not run; nothing was changed";
		return EX_UNAVAILABLE;
	}
	asked = pair_ask(shm_pair_request(shm), command, now_ms);
	if (!await(shm, asked, now_ms + PAIR_REQUEST_MS, &refusal)) {
		*ret_reason = "the sync process has not answered; `show failover` tells whether "
			      "anything has changed";
		return EX_TEMPFAIL;
	}
	*ret_reason = role_refusal_text(refusal);
	if (refusal == ROLE_NO_NONE)
		return EX_OK;
	if ((*ret_reason)[0] == '\0')
		*ret_reason = "the sync process has refused for a reason that is not known here";
	return EX_UNAVAILABLE;
}
