#include "shm/door_view.h"

#include "shm/whole.h"

static const char *const state_words[DOOR_STATE_COUNT] = {
#define X(name, word) [DOOR_##name] = word,
    DOOR_STATES(X)
#undef X
};

static const char *const gate_words[GATE_VIEW_COUNT] = {
#define X(name, word) [GATE_VIEW_##name] = word,
    GATE_VIEWS(X)
#undef X
};

static const char *const early_words[EARLY_VIEW_COUNT] = {
#define X(name, word) [EARLY_VIEW_##name] = word,
    EARLY_VIEWS(X)
#undef X
};

void
door_view_publish(struct door_view *view, const struct door_status *status)
{
	whole_write(&view->sequence, &view->status, status, sizeof(*status));
}

bool
door_view_read(const struct door_view *view, struct door_status *ret_status)
{
	if (!whole_read(&view->sequence, &view->status, ret_status, sizeof(*ret_status)))
		return false;
	ret_status->fault[DOOR_FAULT_MAX - 1] = '\0';
	ret_status->gate_fault[DOOR_GATE_FAULT_MAX - 1] = '\0';
	return true;
}

const char *
door_state_word(unsigned state)
{
	return state < DOOR_STATE_COUNT ? state_words[state] : "";
}

const char *
door_family_word(unsigned family)
{
	static const char *const words[DOOR_FAMILIES] = {
	    [DOOR_IPV4] = "IPv4",
	    [DOOR_IPV6] = "IPv6",
	};

	return family < DOOR_FAMILIES ? words[family] : "";
}

const char *
gate_view_word(unsigned view)
{
	return view < GATE_VIEW_COUNT ? gate_words[view] : "";
}

const char *
early_view_word(unsigned view)
{
	return view < EARLY_VIEW_COUNT ? early_words[view] : "";
}
