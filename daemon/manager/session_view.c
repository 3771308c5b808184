#include "daemon/manager/session_view.h"

#include "daemon/manager/present.h"
#include "shm/policy_area.h"
#include "shm/process.h"
#include "worker/inspect/inspect.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
find_policy(const struct shm *shm, const struct slot_custody *custody, char name[64])
{
	size_t size;

	name[0] = '\0';
	if (policy_area_image(shm_policy(shm), custody->policy_slot, &size) == NULL)
		return;
	const struct policy_slot *slot = &shm_policy(shm)->slot[custody->policy_slot];
	if (memcmp(slot->generation, &custody->policy_hash, sizeof(custody->policy_hash)) == 0)
		snprintf(name, 64, "%.63s", slot->name);
}

static void
copy_custody(const struct shm *shm, const struct slot_custody *custody, struct session_view *view)
{
	view->owner = atomic_load(&custody->owner);
	view->id = custody->session_id;
	view->opened_ms = custody->opened_ms;
	view->opened_us = custody->opened_us;
	view->policy_hash = custody->policy_hash;
	view->mode = custody->mode;
	snprintf(view->class_name, sizeof(view->class_name), "%.*s",
	    (int)sizeof(custody->class_name) - 1, custody->class_name);
	view->marks = atomic_load(&custody->marks);
	view->mark_position = custody->mark_position;
	memcpy(view->leg, custody->leg, sizeof(view->leg));
	find_policy(shm, custody, view->policy);
}

bool
session_view_read(const struct shm *shm, const struct activity *activity, uint32_t slot,
    uint64_t monotonic_ms, struct session_view *ret_view)
{
	const struct slot_custody *custody = shm_custody(shm, slot);
	const struct slot_session *session = shm_session(shm, slot);

	if (custody == NULL || session == NULL)
		return false;
	ret_view->slot = slot;
	ret_view->state = atomic_load_explicit(&custody->state, memory_order_acquire);
	ret_view->generation = atomic_load(&custody->generation);
	if (!slot_is_session(ret_view->state))
		return false;
	copy_custody(shm, custody, ret_view);
	ret_view->idle_ms = activity_idle_ms(activity, slot, monotonic_ms);
	ret_view->has_record = record_read(session, ret_view->generation, &ret_view->record);
	ret_view->notes = 0;
	if (atomic_load(&session->generation) == ret_view->generation)
		ret_view->notes = (unsigned)trail_read(&session->trail, ret_view->note);

	atomic_thread_fence(memory_order_acquire);
	return atomic_load(&custody->generation) == ret_view->generation &&
	       slot_is_session(atomic_load(&custody->state));
}

bool
session_view_find(const struct shm *shm, const struct activity *activity, uint64_t id,
    uint64_t monotonic_ms, struct session_view *ret_view)
{
	for (uint32_t i = 0; i < shm->slots; i++) {
		const struct slot_custody *custody = shm_custody(shm, i);

		if (slot_is_session(atomic_load_explicit(&custody->state, memory_order_acquire)) &&
		    custody->session_id == id)
			return session_view_read(shm, activity, i, monotonic_ms, ret_view);
	}
	return false;
}

uint64_t
session_view_bytes(const struct session_view *view, enum shm_leg from)
{
	return view->has_record ? view->record.stored[from] : 0;
}

void
session_view_flags(const struct session_view *view, char flags[SESSION_FLAGS_MAX])
{
	uint32_t server = atomic_load(&view->leg[SHM_SERVER].state);
	bool opaque = view->has_record && (view->record.flags & RECORD_OPAQUE) != 0;
	size_t n = 0;

	if (server == LEG_OPEN)
		flags[n++] = 'U';
	if (server == LEG_CONNECTING) {
		flags[n++] = 'S';
		flags[n++] = 'A';
	}
	if (view->has_record && view->record.end_seen[SHM_CLIENT] == ENDING_FIN)
		flags[n++] = 'F';
	if (view->has_record && view->record.end_seen[SHM_SERVER] == ENDING_FIN)
		flags[n++] = 'f';
	if (session_view_bytes(view, SHM_CLIENT) > 0)
		flags[n++] = 'I';
	if (session_view_bytes(view, SHM_SERVER) > 0)
		flags[n++] = 'O';
	flags[n++] = 'B';
	if (view->mode == SLOT_INSPECT && !opaque)
		flags[n++] = 'M';
	flags[n] = '\0';
}

const char *
session_view_phase(const struct session_view *view)
{
	const char *name = view->has_record ? inspect_phase_name(view->record.phase) : NULL;

	return name == NULL ? "-" : name;
}

const char *
session_view_state(const struct session_view *view)
{
	static const char *const names[] = {"free", "opening", "open", "ending"};

	return view->state < sizeof(names) / sizeof(names[0]) ? names[view->state] : "damaged";
}

const char *
session_view_mode(const struct session_view *view)
{
	static const char *const names[] = {"inspect", "relay", "raw"};

	return view->mode < sizeof(names) / sizeof(names[0]) ? names[view->mode] : "damaged";
}

bool
session_id_parse(const char *text, uint64_t *ret_id)
{
	size_t digits = strspn(text, "0123456789abcdefABCDEF");

	if (digits == 0 || digits > 16 || text[digits] != '\0')
		return false;
	*ret_id = strtoull(text, NULL, 16);
	return true;
}

static json_t *
endpoint_json(const struct shm_endpoint *endpoint)
{
	char address[PRESENT_ENDPOINT_MAX];

	present_address(endpoint, address);
	return json_pack("{s:s, s:i}", "address", address, "port", (int)endpoint->port);
}

static json_t *
record_json(const struct record *record)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:i, s:i, s:b, s:b}",
	    "bytes_from_client", (json_int_t)record->stored[SHM_CLIENT], "bytes_from_server",
	    (json_int_t)record->stored[SHM_SERVER], "inspected_from_client",
	    (json_int_t)record->position[SHM_CLIENT], "inspected_from_server",
	    (json_int_t)record->position[SHM_SERVER], "pending_to_client",
	    (json_int_t)outlet_pending(&record->outlet[SHM_CLIENT]), "pending_to_server",
	    (json_int_t)outlet_pending(&record->outlet[SHM_SERVER]), "held_to_server",
	    (json_int_t)record->outlet[SHM_SERVER].held, "content_state",
	    (json_int_t)record->extra_length, "commands", (int)record->commands, "replies",
	    (int)record->replies, "messages", (int)record->messages, "opaque",
	    (record->flags & RECORD_OPAQUE) != 0, "draining",
	    (record->flags & RECORD_DRAINING) != 0);
}

json_t *
session_view_json(const struct session_view *view, uint64_t gateway_ms)
{
	char id[20];
	char hash[20];
	char opened[40];
	char flags[SESSION_FLAGS_MAX];
	uint64_t uptime = gateway_ms > view->opened_ms ? gateway_ms - view->opened_ms : 0;

	snprintf(id, sizeof(id), "%016" PRIx64, view->id);
	snprintf(hash, sizeof(hash), "%016" PRIx64, be64toh(view->policy_hash));
	present_iso_time(view->opened_us, opened, sizeof(opened));
	session_view_flags(view, flags);
	json_t *object = json_pack(
	    "{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:s, s:I, s:I, s:s, s:s, s:s, s:i, s:i, s:s}",
	    "id", id, "state", session_view_state(view), "phase", session_view_phase(view), "mode",
	    session_view_mode(view), "client", endpoint_json(&view->leg[SHM_CLIENT].peer), "listen",
	    endpoint_json(&view->leg[SHM_CLIENT].local), "server",
	    endpoint_json(&view->leg[SHM_SERVER].peer), "opened", opened, "uptime_ms",
	    (json_int_t)uptime, "idle_ms", (json_int_t)view->idle_ms, "flags", flags, "policy",
	    view->policy, "policy_generation", hash, "worker",
	    view->owner == PROCESS_OWNER_NONE ? -1 : (int)(view->owner & 0xff), "marks",
	    (int)view->marks, "class", view->class_name);
	if (object != NULL && view->has_record)
		json_object_set_new(object, "traffic", record_json(&view->record));
	return object;
}
