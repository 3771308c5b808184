#include "daemon/sync/notices.h"

#include <stddef.h>

void
notices_clear(struct notices *notices)
{
	notices->first = notices->count = 0;
}

static struct notice *
notice_at(struct notices *notices, uint32_t index)
{
	return &notices->ring[(notices->first + index) % JOURNAL_ENTRIES];
}

bool
notices_add(struct notices *notices, uint64_t lsn, uint64_t log)
{
	struct notice *last = notices->count > 0 ? notice_at(notices, notices->count - 1) : NULL;

	/* It cannot be heard of before the one ahead of it. */
	if (last != NULL && log <= last->log) {
		last->lsn = lsn;
		return true;
	}
	if (notices->count == JOURNAL_ENTRIES)
		return false;
	*notice_at(notices, notices->count++) = (struct notice){lsn, log};
	return true;
}

void
notices_settle(struct notices *notices, uint64_t log)
{
	/* Whatever comes behind a pending one is part of it: it can only be the last. */
	if (notices->count > 0 && notice_at(notices, notices->count - 1)->log == NOTICES_PENDING)
		notice_at(notices, notices->count - 1)->log = log;
}

uint64_t
notices_acknowledge(struct notices *notices, uint64_t log)
{
	uint64_t lsn = 0;

	while (notices->count > 0 && notice_at(notices, 0)->log <= log) {
		lsn = notice_at(notices, 0)->lsn;
		notices->first = (notices->first + 1) % JOURNAL_ENTRIES;
		notices->count--;
	}
	return lsn;
}
