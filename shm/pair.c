#include "shm/pair.h"

#include "shm/whole.h"

static const char *const channel_words[PAIR_CHANNEL_COUNT] = {
#define X(name, word) [PAIR_CHANNEL_##name] = word,
    PAIR_CHANNELS(X)
#undef X
};

const char *
pair_channel_word(unsigned channel)
{
	return channel < PAIR_CHANNEL_COUNT ? channel_words[channel] : "";
}

void
pair_view_publish(struct pair_view *view, const struct pair_status *status)
{
	whole_write(&view->sequence, &view->status, status, sizeof(*status));
}

void
pair_view_alive(struct pair_view *view, int32_t pid, uint64_t now_ms)
{
	atomic_store_explicit(&view->pid, pid, memory_order_relaxed);
	atomic_store_explicit(&view->alive_ms, now_ms, memory_order_release);
}

bool
pair_view_read(const struct pair_view *view, struct pair_status *ret_status)
{
	if (!whole_read(&view->sequence, &view->status, ret_status, sizeof(*ret_status)))
		return false;
	ret_status->refusal[PAIR_TEXT_MAX - 1] = '\0';
	ret_status->node[PAIR_NAME_MAX - 1] = '\0';
	ret_status->peer[PAIR_NAME_MAX - 1] = '\0';
	return true;
}

bool
pair_view_is_alive(const struct pair_view *view, uint64_t now_ms)
{
	uint64_t alive_ms = atomic_load_explicit(&view->alive_ms, memory_order_acquire);

	return alive_ms != 0 && (now_ms <= alive_ms || now_ms - alive_ms < PAIR_ALIVE_MS);
}

void
pair_history_add(struct pair_history *history, const struct pair_change *change)
{
	uint64_t count = atomic_load_explicit(&history->count, memory_order_relaxed);

	history->change[count % PAIR_HISTORY] = *change;
	atomic_store_explicit(&history->count, count + 1, memory_order_release);
}

unsigned
pair_history_read(const struct pair_history *history, struct pair_change ret_changes[PAIR_HISTORY])
{
	uint64_t count = atomic_load_explicit(&history->count, memory_order_acquire);
	/* The oldest of a full ring may be written over just now. */
	unsigned number = count < PAIR_HISTORY ? (unsigned)count : PAIR_HISTORY - 1;

	for (unsigned i = 0; i < number; i++)
		ret_changes[i] = history->change[(count - number + i) % PAIR_HISTORY];
	return number;
}

uint32_t
pair_ask(struct pair_request *request, enum pair_command command, uint64_t now_ms)
{
	uint32_t number = atomic_load_explicit(&request->number, memory_order_relaxed) + 1;

	if (number == 0)
		number = 1;
	/* Whoever sees the old number with the new words takes nothing: that one is answered or over. */
	atomic_store_explicit(&request->end_ms, 0, memory_order_seq_cst);
	atomic_store_explicit(&request->command, command, memory_order_seq_cst);
	atomic_store_explicit(&request->number, number, memory_order_seq_cst);
	atomic_store_explicit(&request->end_ms, now_ms + PAIR_REQUEST_MS, memory_order_seq_cst);
	return number;
}

bool
pair_answered(const struct pair_answer *answer, uint32_t number, uint32_t *ret_refusal)
{
	if (atomic_load_explicit(&answer->number, memory_order_acquire) != number)
		return false;
	*ret_refusal = atomic_load_explicit(&answer->refusal, memory_order_relaxed);
	return true;
}

bool
pair_take_request(const struct pair_request *request, const struct pair_answer *answer,
    uint64_t now_ms, uint32_t *ret_number, enum pair_command *ret_command)
{
	/* In the opposite order of pair_ask(): an end that is not over belongs to the number behind it. */
	uint64_t end_ms = atomic_load_explicit(&request->end_ms, memory_order_seq_cst);
	uint32_t number = atomic_load_explicit(&request->number, memory_order_seq_cst);
	uint32_t command = atomic_load_explicit(&request->command, memory_order_seq_cst);

	/* The clock may have been looked at before; a much longer time is none that pair_ask() gives. */
	if (number == atomic_load_explicit(&answer->number, memory_order_relaxed) ||
	    now_ms >= end_ms || end_ms - now_ms > 2 * PAIR_REQUEST_MS || command == 0 ||
	    command >= PAIR_COMMAND_END)
		return false;
	*ret_number = number;
	*ret_command = (enum pair_command)command;
	return true;
}

void
pair_give_answer(struct pair_answer *answer, uint32_t number, uint32_t refusal)
{
	atomic_store_explicit(&answer->refusal, refusal, memory_order_relaxed);
	atomic_store_explicit(&answer->number, number, memory_order_release);
}
