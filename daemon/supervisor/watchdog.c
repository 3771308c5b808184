#include "daemon/supervisor/watchdog.h"

void
watchdog_start(struct watchdog *watchdog, uint64_t note, uint64_t now_ms, uint64_t limit_ms)
{
	*watchdog = (struct watchdog){.seen = note, .since_ms = now_ms, .limit_ms = limit_ms};
}

enum watchdog_verdict
watchdog_look(struct watchdog *watchdog, uint64_t note, uint64_t now_ms)
{
	enum watchdog_verdict verdict = watchdog->fired ? WATCHDOG_STILL_THERE : WATCHDOG_HANGS;
	uint64_t limit_ms = watchdog->fired ? WATCHDOG_KILL_MS : watchdog->limit_ms;

	/* Once it was given up it stays so: it is being ended. */
	if (!watchdog->fired && note != watchdog->seen) {
		watchdog->seen = note;
		watchdog->since_ms = now_ms;
	}
	if (now_ms - watchdog->since_ms < limit_ms)
		return WATCHDOG_WELL;
	watchdog->since_ms = now_ms;
	watchdog->fired = true;
	return verdict;
}
