#include "shm/session_digest.h"

#include "shm/region.h"
#include "shm/slot.h"

#include <stddef.h>
#include <string.h>

#define PART 4096u

static uint64_t
add(uint64_t digest, const void *bytes, size_t length)
{
	return (digest ^ record_checksum_bytes(bytes, length)) * 0x9e3779b97f4a7c15ull;
}

static uint64_t
add_number(uint64_t digest, uint64_t number)
{
	return add(digest, &number, sizeof(number));
}

static bool
add_bytes(
    const struct window *window, const struct shm *shm, struct stream_span span, uint64_t *digest)
{
	uint8_t part[PART];

	*digest = add_number(0, span.end - span.from);
	for (uint64_t position = span.from; position < span.end;) {
		size_t length = span.end - position < PART ? (size_t)(span.end - position) : PART;

		if (!streams_copy(window, shm, position, part, length))
			return false;
		*digest = add(*digest, part, length);
		position += length;
	}
	return true;
}

static bool
digest_state(const struct shm *shm, const struct slot_session *session, const struct record *record,
    uint64_t *digest)
{
	struct record same = *record;
	uint64_t at = record->extra_half * (uint64_t)RECORD_EXTRA_SIZE, extra;

	/* Which half it is does not matter; the check is over that too. */
	same.extra_half = 0;
	same.check = 0;
	*digest = add(0, &same, sizeof(same));
	if (record->extra_length == 0)
		return true;
	if (!add_bytes(&session->extension, shm,
		(struct stream_span){at, at + record->extra_length}, &extra))
		return false;
	*digest = add_number(*digest, extra);
	return true;
}

static uint64_t
digest_identity(const struct slot_custody *custody)
{
	uint64_t digest = add_number(0, custody->session_id);
	char name[CLASS_NAME_SIZE] = {0};

	digest = add_number(digest, custody->opened_ms);
	digest = add_number(digest, custody->opened_us);
	digest = add_number(digest, custody->policy_hash);
	digest = add_number(digest, custody->mode);
	memcpy(name, custody->class_name, strnlen(custody->class_name, CLASS_NAME_SIZE));
	digest = add(digest, name, sizeof(name));
	digest = add(digest, &custody->source, sizeof(custody->source));
	digest = add_number(digest, atomic_load(&custody->marks));
	digest = add_number(digest, custody->mark_direction);
	return add_number(digest, custody->mark_position);
}

static uint64_t
digest_legs(const struct slot_custody *custody)
{
	uint64_t digest = 0;

	for (unsigned leg = 0; leg < SHM_LEGS; leg++) {
		const struct slot_leg *from = &custody->leg[leg];
		struct leg_tcp tcp = from->tcp;

		tcp.rtt_us = 0;
		digest = add_number(digest, atomic_load(&from->state));
		digest = add_number(digest, (uint64_t)(int64_t)from->error);
		digest = add_number(digest, from->base_received);
		digest = add_number(digest, from->base_written);
		digest = add(digest, &from->local, sizeof(from->local));
		digest = add(digest, &from->peer, sizeof(from->peer));
		if (tcp.dumped)
			digest = add(digest, &tcp, sizeof(tcp));
	}
	return digest;
}

static bool
digest_streams(const struct shm *shm, const struct slot_session *session,
    const struct record *record, const uint64_t (*from)[STREAMS], struct session_digest *digest)
{
	for (int leg = 0; leg < SHM_LEGS; leg++) {
		for (int stream = 0; stream < STREAMS; stream++) {
			const struct window *window =
			    streams_window(session, (enum shm_leg)leg, (enum stream)stream);
			struct stream_span span =
			    streams_needed(record, (enum shm_leg)leg, (enum stream)stream);

			if (from != NULL && from[leg][stream] > span.from)
				span.from =
				    from[leg][stream] < span.end ? from[leg][stream] : span.end;
			span = streams_held(window, span);
			digest->from[leg][stream] = span.from;
			digest->end[leg][stream] = span.end;
			if (!add_bytes(window, shm, span, &digest->bytes[leg][stream]))
				return false;
		}
	}
	return true;
}

static bool
has_session(const struct slot_custody *custody)
{
	uint32_t state = atomic_load_explicit(&custody->state, memory_order_acquire);

	return slot_is_session(state) || state == SLOT_REPLICA;
}

bool
session_digest_read(const struct shm *shm, uint32_t slot, const uint64_t (*from)[STREAMS],
    struct session_digest *ret_digest)
{
	const struct slot_custody *custody = shm_custody(shm, slot);
	const struct slot_session *session = shm_session(shm, slot);
	struct session_digest digest;
	struct record record, again;

	if (custody == NULL || !has_session(custody))
		return false;
	digest.generation = atomic_load(&custody->generation);
	if (!record_read(session, (uint32_t)digest.generation, &record))
		return false;
	digest.session_id = custody->session_id;
	digest.sequence = record.sequence;
	digest.identity = digest_identity(custody);
	digest.legs = digest_legs(custody);
	if (!digest_state(shm, session, &record, &digest.state) ||
	    !digest_streams(shm, session, &record, from, &digest))
		return false;
	atomic_thread_fence(memory_order_acquire);
	if (!has_session(custody) || atomic_load(&custody->generation) != digest.generation ||
	    !record_read(session, (uint32_t)digest.generation, &again) ||
	    again.check != record.check)
		return false;
	*ret_digest = digest;
	return true;
}
