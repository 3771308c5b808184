#include "daemon/supervisor/spell.h"

#include <stddef.h>

bool
spell_note(struct spell *spell, uint64_t now_ms, uint64_t interval_ms, uint64_t *ret_untold)
{
	bool due = !spell->lasts || now_ms - spell->told_ms >= interval_ms;

	if (!spell->lasts)
		*spell = (struct spell){.lasts = true};
	spell->last_ms = now_ms;
	if (ret_untold != NULL)
		*ret_untold = spell->untold;
	spell->untold = due ? 0 : spell->untold + 1;
	if (due)
		spell->told_ms = now_ms;
	return due;
}

bool
spell_is_over(struct spell *spell, uint64_t now_ms, uint64_t over_ms)
{
	if (!spell->lasts || now_ms - spell->last_ms < over_ms)
		return false;
	spell->lasts = false;
	return true;
}
