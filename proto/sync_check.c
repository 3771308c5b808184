#include "proto/sync_check.h"

#include <string.h>

#define LEG_STATES	5u
#define MODES		3u
#define ERRNO_MAX	4095u
#define PORT_MAX	65535u
#define MSS_MAX		65535u
#define SCALE_MAX	14u
#define TCP_OPTIONS_MAX 255u

static const char name_letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

bool
sync_name_is_valid(const char *name)
{
	size_t length = strlen(name);

	return length > 0 && length <= SYNC_NAME_MAX && strspn(name, name_letters) == length;
}

/* Any bytes but control characters: words of the configuration may be in any encoding. */
static bool
is_printable(const char *text, size_t most)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	return length <= most;
}

static bool
is_range(uint32_t oldest, uint32_t newest)
{
	return oldest > 0 && oldest <= newest && newest <= SYNC_VERSION_MAX;
}

static bool
is_role(uint32_t role)
{
	return role >= SYNC_ROLE_ACTIVE && role <= SYNC_ROLE_FAULT;
}

static bool
is_state(uint32_t state)
{
	return state <= SYNC_STATE_MAX;
}

static bool
is_address(const struct sync_address *address)
{
	switch (address->bytes.length) {
	case 0:
		return address->port == 0;
	case 4:
	case 16:
		return address->port <= PORT_MAX;
	default:
		return false;
	}
}

static enum sync_reason
check_hello(const struct sync_hello *hello)
{
	if (!is_range(hello->version_oldest, hello->version_newest) ||
	    !is_range(hello->record_oldest, hello->record_newest) ||
	    hello->abi_major > SYNC_VERSION_MAX || hello->abi_minor > SYNC_VERSION_MAX)
		return SYNC_BAD_VERSION_RANGE;
	if (!sync_name_is_valid(hello->node) ||
	    (hello->peer[0] != '\0' && !sync_name_is_valid(hello->peer)))
		return SYNC_BAD_NODE_NAME;
	if (!is_role(hello->role))
		return SYNC_BAD_ROLE;
	if (!is_state(hello->state))
		return SYNC_BAD_STATE;
	if (hello->side > 1)
		return SYNC_BAD_SIDE;
	if (hello->commit < SYNC_COMMIT_DEGRADE || hello->commit > SYNC_COMMIT_STRICT)
		return SYNC_BAD_COMMIT;
	if (hello->lsn > SYNC_LSN_MAX || (hello->history == 0 && hello->lsn != 0))
		return SYNC_BAD_LSN;
	if (hello->slots == 0 || hello->slots > SYNC_SLOTS_MAX || hello->chunks == 0 ||
	    hello->chunks > SYNC_CHUNKS_MAX)
		return SYNC_BAD_ROOM;
	return SYNC_GOOD;
}

static enum sync_reason
check_batch(const struct sync_batch *batch)
{
	size_t bytes = 0;

	if (batch->entries == 0 || batch->entries > SYNC_BATCH_ENTRIES_MAX)
		return SYNC_BAD_ENTRY_COUNT;
	if (batch->first == 0 || batch->first > SYNC_LSN_MAX - batch->entries)
		return SYNC_BAD_LSN;
	for (uint32_t i = 0; i < batch->entries; i++) {
		if (batch->entry[i].length == 0 ||
		    batch->entry[i].length > SYNC_BATCH_BYTES_MAX - bytes)
			return SYNC_BAD_ENTRY_LENGTH;
		bytes += batch->entry[i].length;
	}
	return SYNC_GOOD;
}

static enum sync_reason
check_ack(const struct sync_ack *ack)
{
	if (ack->history == 0 || ack->lsn > SYNC_LSN_MAX)
		return SYNC_BAD_LSN;
	if (ack->compiled > SYNC_COMPILED_MAX)
		return SYNC_BAD_GENERATION;
	for (uint32_t i = 0; i < ack->compiled; i++)
		if (ack->generation[i].length != SYNC_GENERATION_SIZE)
			return SYNC_BAD_GENERATION;
	if (ack->refused.length != 0 && ack->refused.length != SYNC_GENERATION_SIZE)
		return SYNC_BAD_GENERATION;
	return ack->reason == NULL || is_printable(ack->reason, SYNC_WHY_MAX) ? SYNC_GOOD
									      : SYNC_BAD_TEXT;
}

static enum sync_reason
check_word(const struct sync_word *word)
{
	if (word->saying < SYNC_SAYING_STATE || word->saying > SYNC_SAYING_SYNCED)
		return SYNC_BAD_SAYING;
	return is_state(word->state) ? SYNC_GOOD : SYNC_BAD_STATE;
}

enum sync_reason
sync_check_message(const struct sync_message *message)
{
	switch (message->kind) {
	case SYNC_HELLO:
		return check_hello(&message->hello);
	case SYNC_START:
		if (message->start.history == 0 || message->start.first == 0 ||
		    message->start.first > SYNC_LSN_MAX)
			return SYNC_BAD_LSN;
		return SYNC_GOOD;
	case SYNC_BATCH:
		return check_batch(&message->batch);
	case SYNC_ACK:
		return check_ack(&message->ack);
	case SYNC_HEARTBEAT:
		if (!is_role(message->heartbeat.role))
			return SYNC_BAD_ROLE;
		return message->heartbeat.lsn > SYNC_LSN_MAX ? SYNC_BAD_LSN : SYNC_GOOD;
	case SYNC_WORD:
		return check_word(&message->word);
	case SYNC_REFUSAL:
		if (message->refusal.reason == SYNC_GOOD ||
		    message->refusal.reason > SYNC_REASON_MAX)
			return SYNC_BAD_REASON;
		return SYNC_GOOD;
	}
	return SYNC_BAD_FRAME_KIND;
}

static bool
is_slot(uint32_t slot, uint32_t generation)
{
	return slot < SYNC_SLOTS_MAX && generation != 0;
}

static enum sync_reason
check_identity(const struct sync_identity *identity)
{
	if (identity->mode >= MODES || !is_printable(identity->class_name, SYNC_CLASS_NAME_MAX))
		return SYNC_BAD_IDENTITY;
	return is_address(&identity->source) ? SYNC_GOOD : SYNC_BAD_ADDRESS;
}

static enum sync_reason
check_leg(const struct sync_leg *leg)
{
	const struct sync_tcp *tcp = &leg->tcp;

	if (leg->leg >= SYNC_LEGS || leg->state >= LEG_STATES || leg->error > ERRNO_MAX ||
	    leg->base_received > SYNC_POSITION_MAX || leg->base_written > SYNC_POSITION_MAX)
		return SYNC_BAD_LEG;
	if (!is_address(&leg->local) || !is_address(&leg->peer))
		return SYNC_BAD_ADDRESS;
	/* RFC 7323 2.3: a shift above 14 is none. */
	if (leg->dumped && (tcp->mss == 0 || tcp->mss > MSS_MAX || tcp->send_scale > SCALE_MAX ||
			       tcp->receive_scale > SCALE_MAX || tcp->options > TCP_OPTIONS_MAX))
		return SYNC_BAD_TCP;
	return SYNC_GOOD;
}

static enum sync_reason
check_legs(const struct sync_session *session)
{
	if (session->legs > SYNC_LEGS)
		return SYNC_BAD_LEG;
	for (uint32_t i = 0; i < session->legs; i++) {
		enum sync_reason reason = check_leg(&session->leg[i]);

		if (reason != SYNC_GOOD)
			return reason;
	}
	if (session->legs == 2 && session->leg[0].leg == session->leg[1].leg)
		return SYNC_BAD_LEG;
	return SYNC_GOOD;
}

static bool
is_piece(const struct sync_piece *piece)
{
	return piece->leg < SYNC_LEGS && piece->window < SYNC_WINDOWS &&
	       piece->content.length > 0 && piece->content.length <= SYNC_PIECE_MAX &&
	       piece->position <= SYNC_POSITION_MAX - piece->content.length;
}

static enum sync_reason
check_streams(const struct sync_session *session)
{
	if (session->pieces > SYNC_PIECES_MAX)
		return SYNC_BAD_PIECE;
	for (uint32_t i = 0; i < session->pieces; i++)
		if (!is_piece(&session->piece[i]))
			return SYNC_BAD_PIECE;
	if (session->trims > SYNC_TRIMS_MAX)
		return SYNC_BAD_TRIM;
	for (uint32_t i = 0; i < session->trims; i++)
		if (session->trim[i].leg >= SYNC_LEGS || session->trim[i].window >= SYNC_WINDOWS ||
		    session->trim[i].position > SYNC_POSITION_MAX)
			return SYNC_BAD_TRIM;
	return SYNC_GOOD;
}

static enum sync_reason
check_session(const struct sync_session *session)
{
	enum sync_reason reason = SYNC_GOOD;

	if (!is_slot(session->slot, session->generation))
		return SYNC_BAD_SLOT;
	if (session->record.length > SYNC_RECORD_MAX || session->extra.length > SYNC_EXTRA_MAX ||
	    (session->sequence != 0) != (session->record.length != 0) ||
	    (session->extra.length != 0 && session->record.length == 0))
		return SYNC_BAD_RECORD;
	if (session->whole && session->identity == NULL)
		return SYNC_BAD_IDENTITY;
	if (session->identity != NULL)
		reason = check_identity(session->identity);
	if (reason == SYNC_GOOD)
		reason = check_legs(session);
	return reason == SYNC_GOOD ? check_streams(session) : reason;
}

static enum sync_reason
check_counters(const struct sync_counters *counters)
{
	if (counters->counters == 0 || counters->counters > SYNC_COUNTERS_MAX)
		return SYNC_BAD_COUNTER;
	for (uint32_t i = 0; i < counters->counters; i++)
		if (!sync_name_is_valid(counters->counter[i].name))
			return SYNC_BAD_COUNTER;
	return SYNC_GOOD;
}

static enum sync_reason
check_limit(const struct sync_limit *limit)
{
	size_t length = limit->address.length;

	if (limit->name[0] == '\0' || !is_printable(limit->name, SYNC_NAME_MAX))
		return SYNC_BAD_LIMIT;
	return length == 0 || length == 4 || length == 16 ? SYNC_GOOD : SYNC_BAD_ADDRESS;
}

static enum sync_reason
check_mark(const struct sync_mark *mark)
{
	if (!is_slot(mark->slot, mark->generation))
		return SYNC_BAD_SLOT;
	if (mark->direction >= SYNC_LEGS || mark->position > SYNC_POSITION_MAX ||
	    mark->marks == 0 || mark->marks > SYNC_MARKS_MAX)
		return SYNC_BAD_MARK;
	return SYNC_GOOD;
}

/* There is a time at which it is gone back to, and only for that. */
static bool
has_right_time(const struct sync_text *text)
{
	bool has_one = text->kind == SYNC_TEXT_CONFIRM && !text->is_erased;

	return has_one ? text->expires_ms != 0 && text->expires_ms <= SYNC_TIME_MAX &&
			     text->left_ms <= SYNC_LEFT_MAX
		       : text->expires_ms == 0 && text->left_ms == 0;
}

static enum sync_reason
check_text(const struct sync_text *text)
{
	if (text->generation.length != SYNC_GENERATION_SIZE ||
	    (text->base.length != 0 && text->base.length != SYNC_GENERATION_SIZE))
		return SYNC_BAD_GENERATION;
	if (text->kind < SYNC_TEXT_RUNNING || text->kind >= SYNC_TEXT_KINDS ||
	    !has_right_time(text) || !is_printable(text->saved, SYNC_SAVED_MAX) ||
	    !is_printable(text->by, SYNC_NAME_MAX))
		return SYNC_BAD_TEXT;
	if (text->total > SYNC_TEXT_MAX || text->offset > text->total ||
	    text->part.length > text->total - text->offset ||
	    text->part.length > SYNC_TEXT_PART_MAX)
		return SYNC_BAD_TEXT;
	/* Each part but that of an empty text brings it forward. */
	if (text->part.length == 0)
		return text->total == 0 ? SYNC_GOOD : SYNC_BAD_TEXT;
	return memchr(text->part.data, '\0', text->part.length) ? SYNC_BAD_TEXT : SYNC_GOOD;
}

static enum sync_reason
check_embryo(const struct sync_embryo *embryo)
{
	if (!is_address(&embryo->local) || !is_address(&embryo->peer) ||
	    embryo->local.bytes.length == 0 ||
	    embryo->local.bytes.length != embryo->peer.bytes.length || embryo->local.port == 0 ||
	    embryo->peer.port == 0)
		return SYNC_BAD_ADDRESS;
	if (embryo->number == 0 || embryo->segment_size > UINT16_MAX ||
	    embryo->window > UINT16_MAX || embryo->options > SYNC_EMBRYO_OPTIONS)
		return SYNC_BAD_EMBRYO;
	return embryo->window_scale <= SCALE_MAX || embryo->window_scale == SYNC_NO_SCALE
		   ? SYNC_GOOD
		   : SYNC_BAD_EMBRYO;
}

enum sync_reason
sync_check_entry(const struct sync_entry *entry)
{
	switch (entry->kind) {
	case SYNC_ENTRY_SESSION:
		return check_session(&entry->session);
	case SYNC_ENTRY_ENDED:
		return is_slot(entry->ended.slot, entry->ended.generation) ? SYNC_GOOD
									   : SYNC_BAD_SLOT;
	case SYNC_ENTRY_COUNTERS:
		return check_counters(&entry->counters);
	case SYNC_ENTRY_LIMIT:
		return check_limit(&entry->limit);
	case SYNC_ENTRY_MARK:
		return check_mark(&entry->mark);
	case SYNC_ENTRY_TEXT:
		return check_text(&entry->text);
	case SYNC_ENTRY_SNAPSHOT_END:
		return entry->snapshot_end.sessions <= SYNC_SLOTS_MAX ? SYNC_GOOD : SYNC_BAD_SLOT;
	case SYNC_ENTRY_EMBRYO:
		return check_embryo(&entry->embryo);
	}
	return SYNC_BAD_ENTRY_KIND;
}
