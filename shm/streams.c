#include "shm/streams.h"

#include "shm/slot.h"

struct stream_span
streams_needed(const struct record *record, enum shm_leg leg, enum stream stream)
{
	const struct outlet *outlet = &record->outlet[stream == STREAM_INPUT ? !leg : leg];
	struct stream_span span;
	uint64_t input, text;

	/* What the first words only pass over nobody needs. */
	outlet_sources(outlet, 0, &input, &text);
	if (stream == STREAM_TEXT) {
		span = (struct stream_span){text, outlet_text_end(outlet)};
	} else {
		span = (struct stream_span){input, record->stored[leg]};
		/* What comes while a session ends is thrown away. */
		if (record->flags & RECORD_DRAINING)
			span.end = outlet_input_end(outlet);
	}
	return span;
}

const struct window *
streams_window(const struct slot_session *session, enum shm_leg leg, enum stream stream)
{
	return stream == STREAM_INPUT ? &session->input[leg] : &session->text[leg];
}

/* Each word once: what is looked at and what is used are the same. */
static void
copy_words(struct window *to, const struct window *from)
{
	atomic_init(&to->first, atomic_load_explicit(&from->first, memory_order_acquire));
	atomic_init(&to->last, atomic_load_explicit(&from->last, memory_order_acquire));
	atomic_init(&to->origin, atomic_load_explicit(&from->origin, memory_order_acquire));
	for (unsigned i = 0; i < SHM_WINDOW_CHUNKS; i++)
		atomic_init(
		    &to->chunk[i], atomic_load_explicit(&from->chunk[i], memory_order_relaxed));
}

static bool
is_run(const struct window *words)
{
	uint32_t held = words->last - words->first;

	return words->last >= words->first && held <= SHM_WINDOW_CHUNKS;
}

struct stream_span
streams_held(const struct window *window, struct stream_span span)
{
	struct window words;

	copy_words(&words, window);
	if (!is_run(&words) || window_is_empty(&words) || window_start(&words) >= span.end)
		span.from = span.end;
	else if (window_start(&words) > span.from)
		span.from = window_start(&words);
	return span;
}

/* The chunks that held the bytes stand where they stood: they were not given away meanwhile. */
static bool
still_holds(const struct window *now, const struct window *then, uint64_t position, size_t length)
{
	uint32_t first = then->first + (uint32_t)((position - window_start(then)) / SHM_CHUNK_SIZE);
	uint32_t last =
	    then->first + (uint32_t)((position + length - 1 - window_start(then)) / SHM_CHUNK_SIZE);

	if (now->origin != then->origin || now->first > first || now->last <= last)
		return false;
	for (uint32_t number = first; number <= last; number++)
		if (now->chunk[number % SHM_WINDOW_CHUNKS] !=
		    then->chunk[number % SHM_WINDOW_CHUNKS])
			return false;
	return true;
}

bool
streams_copy(
    const struct window *window, const struct shm *shm, uint64_t position, void *to, size_t length)
{
	struct window then, now;

	if (length == 0)
		return true;
	copy_words(&then, window);
	if (!is_run(&then) || !window_read(&then, shm, position, to, length))
		return false;
	atomic_thread_fence(memory_order_acquire);
	copy_words(&now, window);
	return is_run(&now) && still_holds(&now, &then, position, length);
}
