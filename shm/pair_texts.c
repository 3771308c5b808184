#include "shm/pair_texts.h"

#include "shm/whole.h"

#include <stdio.h>
#include <string.h>

void
pair_texts_publish(struct pair_texts_view *view, const struct pair_texts *texts)
{
	whole_write(&view->sequence, &view->texts, texts, sizeof(*texts));
}

void
pair_texts_read(const struct pair_texts_view *view, struct pair_texts *ret_texts)
{
	if (!whole_read(&view->sequence, &view->texts, ret_texts, sizeof(*ret_texts)))
		memset(ret_texts, 0, sizeof(*ret_texts));
	ret_texts->reason[PAIR_TEXT_MAX - 1] = '\0';
}

void
pair_texts_follow(const struct pair_texts_view *view, uint64_t *seen, struct pair_texts *texts)
{
	uint64_t sequence = atomic_load_explicit(&view->sequence, memory_order_acquire);

	if (sequence == *seen)
		return;
	pair_texts_read(view, texts);
	*seen = sequence;
}

void
pair_texts_decide(struct pair_texts *texts, const uint8_t digest[PAIR_DIGEST_SIZE],
    enum pair_verdict verdict, const char *reason)
{
	memcpy(texts->digest, digest, PAIR_DIGEST_SIZE);
	texts->verdict = verdict;
	snprintf(texts->reason, sizeof(texts->reason), "%s", reason);
	texts->verdicts++;
}
