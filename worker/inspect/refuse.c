#include "worker/inspect/refuse.h"

#include "worker/inspect/answer.h"
#include "worker/inspect/ending.h"

void
refuse_content(struct builder *build, enum own_reply reply, uint8_t rule)
{
	(void)rule;
	answer_refuse_content(build, reply);
	ending_drain(build, reply, INSPECT_ABORT);
}
