#include "daemon/sync/takeover_cause.h"

#include "shm/gateway_clock.h"

static bool
is_on_the_way(enum role_state state)
{
	return state == ROLE_ASKING || state == ROLE_RAISING;
}

void
takeover_cause_note(struct takeover_cause *cause, struct takeover_view *view,
    enum role_state before, const struct role *role)
{
	if (is_on_the_way(role->state) && !is_on_the_way(before))
		*cause = (struct takeover_cause){
		    .asked_us = monotonic_now_us(), .reason = (uint32_t)role->why};
	bool is_asked_for = role->state == ROLE_RAISING && before != ROLE_RAISING;
	bool is_saved = before == ROLE_RAISING && role_claims(role->state);
	if (!role->replica || (!is_asked_for && !is_saved))
		return;
	cause->epoch = is_saved ? role->start.epoch.number : role->next;
	if (is_saved)
		cause->saved_us = monotonic_now_us();
	takeover_view_publish_cause(view, cause);
}
