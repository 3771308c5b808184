#include "shm/takeover_view.h"

#include "shm/whole.h"

#include <string.h>

void
takeover_view_publish_cause(struct takeover_view *view, const struct takeover_cause *cause)
{
	whole_write(&view->cause_sequence, &view->cause, cause, sizeof(*cause));
}

void
takeover_view_publish(struct takeover_view *view, const struct takeover_status *status)
{
	whole_write(&view->sequence, &view->status, status, sizeof(*status));
}

void
takeover_view_set_ahead(struct takeover_view *view, uint32_t legs)
{
	atomic_store_explicit(&view->ahead, legs, memory_order_relaxed);
}

void
takeover_view_set_shelved(struct takeover_view *view, uint64_t epoch)
{
	atomic_store(&view->shelved, epoch);
}

uint64_t
takeover_view_shelved(const struct takeover_view *view)
{
	return atomic_load(&view->shelved);
}

uint32_t
takeover_view_ahead(const struct takeover_view *view)
{
	return atomic_load_explicit(&view->ahead, memory_order_relaxed);
}

bool
takeover_view_read(const struct takeover_view *view, struct takeover_status *ret_status,
    struct takeover_cause *ret_cause)
{
	bool is_there =
	    whole_read(&view->sequence, &view->status, ret_status, sizeof(*ret_status)) &&
	    ret_status->begun_us != 0;

	if (!is_there)
		memset(ret_status, 0, sizeof(*ret_status));
	if (!whole_read(&view->cause_sequence, &view->cause, ret_cause, sizeof(*ret_cause)) ||
	    ret_cause->epoch != ret_status->epoch)
		memset(ret_cause, 0, sizeof(*ret_cause));
	return is_there;
}
