#include "worker/inspect/sasl.h"

#include "worker/inspect/ledger.h"

#include <string.h>

/* What may be told of an AUTH: any other word may be a password whose mechanism was left out. */
static const struct {
	const char *name;
	size_t length;
} mechanisms[] = {
    {OUTPUT_TEXT("PLAIN")},
    {OUTPUT_TEXT("LOGIN")},
    {OUTPUT_TEXT("CRAM-MD5")},
    {OUTPUT_TEXT("DIGEST-MD5")},
    {OUTPUT_TEXT("SCRAM-SHA-1")},
    {OUTPUT_TEXT("SCRAM-SHA-1-PLUS")},
    {OUTPUT_TEXT("SCRAM-SHA-256")},
    {OUTPUT_TEXT("SCRAM-SHA-256-PLUS")},
    {OUTPUT_TEXT("EXTERNAL")},
    {OUTPUT_TEXT("ANONYMOUS")},
    {OUTPUT_TEXT("GSSAPI")},
    {OUTPUT_TEXT("NTLM")},
    {OUTPUT_TEXT("OAUTHBEARER")},
    {OUTPUT_TEXT("XOAUTH2")},
};

void
sasl_note(struct builder *build, const struct command *command)
{
	static const char redacted[] = " (redacted)";
	char text[OUTPUT_NOTE_MAX];
	size_t word = 0, at = 4;

	while (word < command->argument_length && command->argument[word] != ' ')
		word++;
	memcpy(text, "AUTH", 4);
	for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++) {
		if (mechanisms[i].length != word ||
		    !ascii_equal(mechanisms[i].name, command->argument, word))
			continue;
		text[at++] = ' ';
		memcpy(text + at, mechanisms[i].name, word);
		at += word;
	}
	memcpy(text + at, redacted, sizeof(redacted) - 1);
	output_note(build, NOTE_CLIENT, 0, text, at + sizeof(redacted) - 1);
}

/* RFC 4954 4: the server's answer to it is a failure. */
void
sasl_cancel(struct builder *build, enum own_reply reply)
{
	output_insert(build, INSPECT_SERVER, "*\r\n", 3);
	ledger_add(build->state, LEDGER_SASL, LEDGER_SUBSTITUTE, reply);
	build->state->sync = LEDGER_SASL;
	own_reply_note(build, reply, 0);
}

/* RFC 4648 4, whole groups of four. */
static bool
is_base64(const uint8_t *text, size_t length)
{
	size_t digits = length;

	if (length % 4)
		return false;
	while (digits && length - digits < 2 && text[digits - 1] == '=')
		digits--;
	for (size_t i = 0; i < digits; i++) {
		unsigned letter = (unsigned)(text[i] | 0x20) - 'a';
		if (letter >= 26 && (unsigned)text[i] - '0' >= 10 && text[i] != '+' &&
		    text[i] != '/')
			return false;
	}
	return true;
}

/* "AUTH mechanism [initial-response]", of which "=" is an empty one (RFC 4954 4). */
bool
sasl_is_formed(const struct command *command)
{
	const uint8_t *text = command->argument;
	const uint8_t *space = memchr(text, ' ', command->argument_length);

	if (!space)
		return true;
	size_t length = command->argument_length - (size_t)(space + 1 - text);
	return (length == 1 && space[1] == '=') || (length > 0 && is_base64(space + 1, length));
}

/* A response, or "*", which cancels (RFC 4954 4). */
static bool
is_response(const uint8_t *line, size_t length)
{
	return length >= 2 && line[length - 2] == '\r' &&
	       (is_base64(line, length - 2) || (length == 3 && line[0] == '*'));
}

void
sasl_take(struct builder *build, const uint8_t *line, size_t length)
{
	struct inspect *state = build->state;
	bool clean = is_response(line, length);

	output_note(build, NOTE_CLIENT, 0, OUTPUT_TEXT("(authentication response)"));
	if (!clean && state->mode == INSPECT_MODE_INSPECT) {
		output_drop(build, length);
		sasl_cancel(build, OWN_SASL_BAD);
		return;
	}
	output_keep(build, length);
	ledger_add(state, LEDGER_SASL, 0, OWN_NONE);
	state->sync = LEDGER_SASL;
}
