#include "daemon/supervisor/watchdog.h"

void
watchdog_start(struct watchdog *watchdog, uint64_t note, uint64_t now_ms)
{
	*watchdog = (struct watchdog){.seen = note, .since_ms = now_ms, .limit_ms = WATCHDOG_MS};
}

enum watchdog_verdict
watchdog_look(struct watchdog *watchdog, uint64_t note, uint64_t now_ms)
{
	enum watchdog_verdict verdict =
	    watchdog->limit_ms == WATCHDOG_MS ? WATCHDOG_HANGS : WATCHDOG_STILL_THERE;

	/* Once it was given up it stays so: it is being ended. */
	if (verdict == WATCHDOG_HANGS && note != watchdog->seen)
		watchdog_start(watchdog, note, now_ms);
	if (now_ms - watchdog->since_ms < watchdog->limit_ms)
		return WATCHDOG_WELL;
	watchdog->since_ms = now_ms;
	watchdog->limit_ms = WATCHDOG_KILL_MS;
	return verdict;
}

bool
watchdog_has_fired(const struct watchdog *watchdog)
{
	return watchdog->limit_ms == WATCHDOG_KILL_MS;
}
