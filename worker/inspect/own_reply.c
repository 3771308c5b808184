#include "worker/inspect/own_reply.h"

#include "worker/inspect/output.h"

#include <string.h>

#define OWN(name, code, enhanced, weight, after, rule, text)                                       \
	_Static_assert(sizeof(text) <= 72, "fits the line that own_reply_give() builds");
#include "worker/inspect/own_reply.def"
#undef OWN

static const struct own_reply_row rows[OWN_COUNT] = {
    [OWN_NONE] = {500, false, false, "5.0.0", 0, 0, "", ""},
#define ERROR true
#define MILD  false
#define CLOSE true
#define STAY  false
#define OWN(name, code, enhanced, weight, after, rule, text)                                       \
	[OWN_##name] = {                                                                           \
	    code, weight, after, enhanced, sizeof(rule) - 1, sizeof(text) - 1, rule, text},
#include "worker/inspect/own_reply.def"
#undef OWN
#undef ERROR
#undef MILD
#undef CLOSE
#undef STAY
};

const struct own_reply_row *
own_reply_row(unsigned reply)
{
	return &rows[reply < OWN_COUNT ? reply : OWN_NONE];
}

void
own_reply_give(struct builder *build, enum own_reply reply)
{
	const struct own_reply_row *row = own_reply_row(reply);
	char line[160], *at = line;

	*at++ = (char)('0' + row->code / 100);
	*at++ = (char)('0' + row->code / 10 % 10);
	*at++ = (char)('0' + row->code % 10);
	*at++ = ' ';
	if (build->state->flags & STATE_ENHANCED) {
		memcpy(at, row->enhanced, 5);
		at += 5;
		*at++ = ' ';
	}
	memcpy(at, row->text, row->text_length);
	at += row->text_length;
	*at++ = '\r';
	*at++ = '\n';
	output_insert(build, INSPECT_CLIENT, line, (size_t)(at - line));
	build->out->tally.refusals++;
}

void
own_reply_note(struct builder *build, enum own_reply reply)
{
	const struct own_reply_row *row = own_reply_row(reply);

	output_note(build, NOTE_GATEWAY, row->code, row->text, row->text_length);
}
