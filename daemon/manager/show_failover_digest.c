#include "daemon/manager/show_failover_digest.h"

#include "daemon/manager/show_json.h"
#include "shm/session_digest.h"
#include "shm/slot.h"
#include "shm/succession.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define TRIES 8u

struct request {
	uint32_t slot;
	bool is_one; /* with positions */
	uint64_t from[SHM_LEGS][STREAMS];
};

struct found {
	uint32_t slot;
	uint64_t session_id;
	bool has_digest;
	struct session_digest digest;
};

static bool
parse_number(const char *word, uint64_t most, uint64_t *ret_number)
{
	char *end;

	if (word[0] < '0' || word[0] > '9')
		return false;
	errno = 0;
	*ret_number = strtoull(word, &end, 10);
	return errno == 0 && *end == '\0' && *ret_number <= most;
}

static bool
parse(const char *const words[], unsigned count, struct request *request)
{
	uint64_t slot = 0;

	*request = (struct request){.is_one = count == SHOW_FAILOVER_DIGEST_WORDS};
	if (count > 1 && !request->is_one)
		return false;
	if (count > 0 && !parse_number(words[0], UINT32_MAX - 1, &slot))
		return false;
	request->slot = (uint32_t)slot;
	for (unsigned i = 1; i < count; i++)
		if (!parse_number(
			words[i], UINT64_MAX, &request->from[(i - 1) / STREAMS][(i - 1) % STREAMS]))
			return false;
	return true;
}

static bool
look(const struct shm *shm, const struct request *request, uint32_t slot, struct found *found)
{
	const struct slot_custody *custody = shm_custody(shm, slot);
	uint32_t state;

	if (custody == NULL)
		return false;
	state = atomic_load_explicit(&custody->state, memory_order_acquire);
	if (!slot_is_session(state) && state != SLOT_REPLICA)
		return false;
	*found = (struct found){.slot = slot, .session_id = custody->session_id};
	for (unsigned i = 0; i < TRIES && !found->has_digest; i++)
		found->has_digest = session_digest_read(
		    shm, slot, (const uint64_t(*)[STREAMS])request->from, &found->digest);
	if (found->has_digest)
		found->session_id = found->digest.session_id;
	return true;
}

/* ---- as text ---- */

static void
add_text(struct text *out, const struct found *found)
{
	static const char *const streams[SHM_LEGS][STREAMS] = {
	    {"client's input", "text to client"}, {"server's input", "text to server"}};
	const struct session_digest *digest = &found->digest;

	text_printf(out, "slot %" PRIu32 ", id %016" PRIx64, found->slot, found->session_id);
	if (!found->has_digest) {
		text_add_string(out, ": it changes, or has no record\n");
		return;
	}
	text_printf(out,
	    ", generation %" PRIu64 ", record %" PRIu64 ": %016" PRIx64 ", identity %016" PRIx64
	    ", legs %016" PRIx64 "\n",
	    digest->generation, digest->sequence, digest->state, digest->identity, digest->legs);
	for (int leg = 0; leg < SHM_LEGS; leg++)
		for (int stream = 0; stream < STREAMS; stream++)
			text_printf(out, "\t%s %" PRIu64 " to %" PRIu64 ": %016" PRIx64 "\n",
			    streams[leg][stream], digest->from[leg][stream],
			    digest->end[leg][stream], digest->bytes[leg][stream]);
}

/* ---- as JSON ---- */

/* 64 bits, which are more than every reader of JSON takes as a number. */
static json_t *
word(uint64_t value)
{
	char text[17];

	snprintf(text, sizeof(text), "%016" PRIx64, value);
	return json_string(text);
}

static json_t *
positions(const uint64_t values[SHM_LEGS][STREAMS])
{
	json_t *list = json_array();

	for (int leg = 0; leg < SHM_LEGS; leg++)
		for (int stream = 0; stream < STREAMS; stream++)
			json_array_append_new(list, json_integer((json_int_t)values[leg][stream]));
	return list;
}

static json_t *
bytes(const struct session_digest *digest)
{
	json_t *list = json_array();

	for (int leg = 0; leg < SHM_LEGS; leg++)
		for (int stream = 0; stream < STREAMS; stream++)
			json_array_append_new(list, word(digest->bytes[leg][stream]));
	return list;
}

static json_t *
found_json(const struct found *found)
{
	const struct session_digest *digest = &found->digest;

	if (!found->has_digest)
		return json_pack("{s:I, s:o, s:b}", "slot", (json_int_t)found->slot, "session",
		    word(found->session_id), "digest", 0);
	return json_pack("{s:I, s:o, s:b, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "slot",
	    (json_int_t)found->slot, "session", word(found->session_id), "digest", 1, "generation",
	    (json_int_t)digest->generation, "record", (json_int_t)digest->sequence, "state",
	    word(digest->state), "identity", word(digest->identity), "legs", word(digest->legs),
	    "from", positions(digest->from), "end", positions(digest->end), "bytes", bytes(digest));
}

/* Behind it no slot has been in use. */
static uint32_t
slots_most(const struct shm *shm)
{
	uint32_t used = shm_slots_used(shm);
	uint32_t replicas = atomic_load(&shm_succession(shm)->replicas);
	uint32_t most = used > replicas ? used : replicas;

	return most < shm->slots ? most : shm->slots;
}

/* Those of the request are given to `list`, or to `out`; returns the slot to go on at, or null. */
static json_t *
walk(const struct shm *shm, const struct request *request, json_t *list, struct text *out)
{
	uint32_t most = slots_most(shm), shown = 0, slot = request->slot;
	uint32_t end = request->is_one ? slot + 1 : most;
	struct found found;

	for (; slot < end && shown < SHOW_FAILOVER_DIGEST_MOST; slot++) {
		if (!look(shm, request, slot, &found))
			continue;
		shown++;
		if (list != NULL)
			json_array_append_new(list, found_json(&found));
		else
			add_text(out, &found);
	}
	return request->is_one || slot >= most ? json_null() : json_integer((json_int_t)slot);
}

bool
show_failover_digest(
    const struct shm *shm, const char *const words[], unsigned count, bool json, struct text *out)
{
	struct request request;
	json_t *list, *next;

	if (!parse(words, count, &request))
		return false;
	list = json ? json_array() : NULL;
	next = walk(shm, &request, list, out);
	if (json) {
		show_json_finish(out, json_pack("{s:o, s:o}", "sessions", list, "next", next));
		return true;
	}
	if (json_is_integer(next))
		text_printf(out, "next %" JSON_INTEGER_FORMAT "\n", json_integer_value(next));
	json_decref(next);
	return true;
}
