#include "worker/inspect/own_reply.h"

#include "worker/inspect/output.h"
#include "worker/inspect/rule.h"

#include <string.h>

#define OWN(name, code, enhanced, weight, after, rule, text)                                       \
	_Static_assert(sizeof(text) <= 72, "fits the line that own_reply_give() builds");
#include "worker/inspect/own_reply.def"
#undef OWN

static const struct own_reply_row rows[OWN_COUNT] = {
    [OWN_NONE] = {500, false, false, "5.0.0", 5, 0, 0, "", ""},
#define ERROR true
#define MILD  false
#define CLOSE true
#define STAY  false
#define OWN(name, code, enhanced, weight, after, rule, text)                                       \
	[OWN_##name] = {code, weight, after, enhanced, sizeof(enhanced) - 1, sizeof(rule) - 1,     \
	    sizeof(text) - 1, rule, text},
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
own_reply_line(const struct builder *build, enum own_reply reply, uint8_t rule,
    struct own_reply_line *ret_line)
{
	const struct own_reply_row *row = own_reply_row(reply);

	memset(ret_line, 0, sizeof(*ret_line));
	if (rule && rule <= build->policy->rules) {
		struct rule_reply own;
		rule_reply(build->policy, (uint8_t)(rule - 1), &own);
		ret_line->code = own.code;
		ret_line->enhanced_length = own.enhanced_length;
		memcpy(ret_line->enhanced, own.enhanced, sizeof(own.enhanced));
		ret_line->length = own.text_length;
		memcpy(ret_line->text, own.text, own.text_length);
		return;
	}
	ret_line->code = row->code;
	ret_line->enhanced_length = row->enhanced_length;
	memcpy(ret_line->enhanced, row->enhanced, row->enhanced_length);
	ret_line->length = row->text_length;
	memcpy(ret_line->text, row->text, row->text_length);
}

void
own_reply_give(struct builder *build, enum own_reply reply, uint8_t rule)
{
	struct own_reply_line own;
	char line[160], *at = line;

	own_reply_line(build, reply, rule, &own);
	*at++ = (char)('0' + own.code / 100);
	*at++ = (char)('0' + own.code / 10 % 10);
	*at++ = (char)('0' + own.code % 10);
	*at++ = ' ';
	if (build->state->flags & STATE_ENHANCED) {
		memcpy(at, own.enhanced, own.enhanced_length);
		at += own.enhanced_length;
		*at++ = ' ';
	}
	memcpy(at, own.text, own.length);
	at += own.length;
	*at++ = '\r';
	*at++ = '\n';
	output_insert(build, INSPECT_CLIENT, line, (size_t)(at - line));
	build->out->tally.refusals++;
}

void
own_reply_note(struct builder *build, enum own_reply reply, uint8_t rule)
{
	struct own_reply_line own;

	own_reply_line(build, reply, rule, &own);
	output_note(build, NOTE_GATEWAY, own.code, own.text, own.length);
}
