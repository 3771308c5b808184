#include "proto/sync_reason.h"

const char *
sync_reason_text(uint32_t reason)
{
	switch (reason) {
	case SYNC_GOOD:
		return "nothing";
#define SYNC_REASON(number, name, text)                                                            \
	case number:                                                                               \
		return text;
#include "proto/sync_reason.def"
#undef SYNC_REASON
	default:
		return "a reason that this version does not know";
	}
}
