#include "worker/inspect/compat.h"

#include "worker/inspect/answer.h"
#include "worker/inspect/command_line.h"
#include "worker/inspect/ending.h"
#include "worker/inspect/ledger.h"
#include "worker/inspect/rule.h"

#include <string.h>

#define EVENT_MADE_NOOP	  108001u
#define EVENT_REPLACED	  108002u
#define EVENT_BAD_ADDRESS 108003u
#define LINE_MAX	  2048u
#define REPLY_MAX	  6000u
#define ADDRESS_MAX	  200u
#define MAILHOST_BANNER	  "220 SMTP/cmap_________________________________________ read\r\n"

bool
compat_is_silent(const struct inspect_policy *policy)
{
	return policy->compat == INSPECT_COMPAT_ASA;
}

/* ---- commands that the old systems did not know ---- */

static bool
is_permitted(const struct builder *build, const struct command *command)
{
	if (command->unframed || command->verb >= VERB_PERMITTED ||
	    (build->policy->verbs >> command->verb & 1) == 0)
		return false;
	/* What has no transaction must not look as if it had one (command_line.c: need MAIL). */
	return command->verb != VERB_RCPT || build->state->mail != MAIL_NONE;
}

/* A line of the same length takes its place, and the server answers that. */
static void
send_instead(struct builder *build, size_t length, const char *text, size_t text_length)
{
	output_drop(build, length);
	output_insert(build, INSPECT_SERVER, text, text_length);
	output_insert(build, INSPECT_SERVER, "\r\n", 2);
	ledger_add(build->state, LEDGER_OTHER, 0, OWN_NONE);
}

static void
send_masked(struct builder *build, size_t length, size_t text_length)
{
	char text[LINE_MAX];

	memset(text, 'X', sizeof(text));
	send_instead(build, length, text, text_length < sizeof(text) ? text_length : sizeof(text));
}

static void
send_noop(struct builder *build, const uint8_t *line, size_t length, size_t text_length)
{
	char text[LINE_MAX];

	if (text_length < 4) {
		send_masked(build, length, text_length);
		return;
	}
	struct inspect_event *event = output_event(build, EVENT_MADE_NOOP);
	output_event_text(build, event, 0, line, command_parse_safe_word(line, text_length), 24);
	memset(text, ' ', sizeof(text));
	memcpy(text, "NOOP", 4);
	send_instead(build, length, text, text_length < sizeof(text) ? text_length : sizeof(text));
}

static void
take_unknown(
    struct builder *build, const struct command *command, const uint8_t *line, size_t length)
{
	bool crlf = length >= 2 && line[length - 2] == '\r';
	size_t text_length = length - (crlf ? 2 : 1);

	switch (build->policy->compat) {
	case INSPECT_COMPAT_ASA:
		send_masked(build, length, text_length);
		break;
	case INSPECT_COMPAT_FIXUP_5_1:
		send_noop(build, line, length, text_length);
		break;
	default:
		output_drop(build, length);
		answer_refuse(build, command->verb, OWN_OK, line, text_length);
		break;
	}
}

/* ---- addresses ---- */

static bool
has_address(const struct command *command)
{
	return command->verb == VERB_MAIL || command->verb == VERB_RCPT;
}

/* Pipes, and angle brackets that enclose no address, become spaces; how many. */
static unsigned
replace_octets(char *text, size_t length, char *ret_first)
{
	const char *open = memchr(text, '<', length);
	const char *close = open ? memchr(open, '>', length - (size_t)(open - text)) : NULL;
	unsigned count = 0;

	for (size_t i = 0; i < length; i++) {
		bool bracket = text[i] == '<' || text[i] == '>';
		if (text[i] != '|' &&
		    (!bracket || (close && (text + i == open || text + i == close))))
			continue;
		if (count++ == 0)
			*ret_first = text[i];
		text[i] = ' ';
	}
	return count;
}

/* PIX: what is invalid in an address is replaced.  False: nothing was. */
static bool
replace_address(
    struct builder *build, const struct command *command, const uint8_t *line, size_t length)
{
	char text[LINE_MAX], first = 0;
	size_t before = (size_t)(command->argument - line);

	if (length > sizeof(text))
		return false;
	memcpy(text, line, length);
	if (replace_octets(text + before, command->argument_length, &first) == 0)
		return false;
	struct inspect_event *event = output_event(build, EVENT_REPLACED);
	output_event_text(build, event, 0, &first, 1, 1);
	output_event_text(
	    build, event, 1, command->argument, command->argument_length, ADDRESS_MAX);
	output_drop(build, length);
	output_insert(build, INSPECT_SERVER, text, length);
	command_line_enter(build, command);
	return true;
}

/* ASA: a pipe ends the session. */
static bool
refuse_address(struct builder *build, const struct command *command, size_t length)
{
	if (command->argument_length == 0 ||
	    !memchr(command->argument, '|', command->argument_length))
		return false;
	struct inspect_event *event = output_event(build, EVENT_BAD_ADDRESS);
	output_event_text(
	    build, event, 0, command->argument, command->argument_length, ADDRESS_MAX);
	output_drop(build, length);
	ending_both(build, INSPECT_FIN, INSPECT_REASON_INSPECTION);
	return true;
}

bool
compat_take_line(
    struct builder *build, const struct command *command, const uint8_t *line, size_t length)
{
	if (!is_permitted(build, command)) {
		take_unknown(build, command, line, length);
		return true;
	}
	if (!has_address(command))
		return false;
	if (build->policy->compat == INSPECT_COMPAT_ASA)
		return refuse_address(build, command, length);
	return replace_address(build, command, line, length);
}

void
compat_take_skipped(struct builder *build)
{
	static const uint8_t line[] = "line";
	struct command command = {.verb = VERB_UNKNOWN, .unframed = true};

	take_unknown(build, &command, line, 0);
}

/* ---- replies ---- */

/* Every octet but code, separator and line end becomes an asterisk. */
static void
mask_all(struct builder *build, const struct reply *reply, const uint8_t *bytes)
{
	char text[REPLY_MAX];
	size_t at = 0;

	for (size_t i = 0; i < reply->length; i++) {
		bool line_end = bytes[i] == '\n' || bytes[i] == '\r';
		at = i && bytes[i - 1] == '\n' ? 0 : at + (i > 0);
		text[i] = (char)(at < 4 || line_end ? bytes[i] : '*');
	}
	output_drop(build, reply->length);
	output_insert(build, INSPECT_CLIENT, text, reply->length);
}

bool
compat_banner(struct builder *build, const struct reply *reply, const uint8_t *bytes)
{
	switch (build->policy->compat) {
	case INSPECT_COMPAT_FIXUP_4_4:
		if (!reply->clean || reply->length > REPLY_MAX)
			return false;
		mask_all(build, reply, bytes);
		break;
	case INSPECT_COMPAT_MAILHOST_4_0:
		if (reply->code != 220)
			return false;
		output_drop(build, reply->length);
		output_insert(build, INSPECT_CLIENT, OUTPUT_TEXT(MAILHOST_BANNER));
		break;
	default:
		return false;
	}
	build->out->tally.banners_masked++;
	return true;
}

/* The keywords that `inspect esmtp` lets be seen. */
static bool
is_known(const uint8_t *text, size_t length)
{
	static const char *const known[] = {"8BITMIME", "AUTH", "BINARYMIME", "DSN",
	    "ENHANCEDSTATUSCODES", "ETRN", "PIPELINING", "SIZE"};
	size_t word = 0;

	while (word < length && text[word] > ' ')
		word++;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i]) == word && ascii_equal(known[i], text, word))
			return true;
	return false;
}

bool
compat_ehlo(struct builder *build, const struct reply *reply, const uint8_t *bytes)
{
	char text[REPLY_MAX], letter = 'A';
	struct reply_line line;

	if (build->policy->compat == INSPECT_COMPAT_NONE || !reply->clean ||
	    reply->length > sizeof(text))
		return false;
	memcpy(text, bytes, reply->length);
	reply_line(&line, bytes, bytes + reply->length);
	while (line.next < bytes + reply->length) {
		reply_line(&line, line.next, bytes + reply->length);
		if (line.length == 0 || is_known(line.text, line.length))
			continue;
		char *at = text + (line.text - bytes);
		memset(at, 'X', line.length);
		at[line.length - 1] = letter;
		letter = (char)(letter == 'Z' ? 'A' : letter + 1);
		rule_judge_set(build, CRITERION_EHLO_REPLY_PARAMETER, INSPECT_EXTENSION_OTHERS);
		build->out->tally.ehlo_removed++;
	}
	output_drop(build, reply->length);
	output_insert(build, INSPECT_CLIENT, text, reply->length);
	return true;
}
