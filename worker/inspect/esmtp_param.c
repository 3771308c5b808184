#include "worker/inspect/esmtp_param.h"

#include "worker/inspect/command_table.h"
#include "worker/inspect/extension_table.h"
#include "worker/inspect/output.h"

#include <string.h>

#define ENVID_MAX   100u  /* RFC 3461 4.4 */
#define ORCPT_MAX   500u  /* RFC 3461 4.2 */
#define AUTH_MAX    500u  /* RFC 4954 3 */
#define SOLICIT_MAX 1000u /* RFC 3865 2.1 */
#define TRANSID_MAX 80u	  /* RFC 1845 5 */

static bool
is_digit(uint8_t byte)
{
	return (unsigned)byte - '0' < 10;
}

static bool
is_alphanumeric(uint8_t byte)
{
	return is_digit(byte) || (unsigned)(byte | 0x20) - 'a' < 26;
}

static size_t
count_digits(const uint8_t *text, size_t length)
{
	size_t digits = 0;

	while (digits < length && is_digit(text[digits]))
		digits++;
	return digits;
}

static bool
is_word(const uint8_t *text, size_t length, const char *word, size_t word_length)
{
	return length == word_length && ascii_equal(text, word, length);
}

/* ---- values ---- */

static bool
is_none(const uint8_t *text, size_t length)
{
	(void)text;
	return length == 0;
}

/* 1*20DIGIT (RFC 1870 4); what does not fit is not a size either. */
static bool
read_size(const uint8_t *text, size_t length, uint64_t *ret_size)
{
	uint64_t size = 0;

	if (length == 0 || length > 20 || count_digits(text, length) != length)
		return false;
	for (size_t i = 0; i < length; i++) {
		unsigned digit = (unsigned)text[i] - '0';
		if (size > (UINT64_MAX - digit) / 10)
			return false;
		size = size * 10 + digit;
	}
	*ret_size = size;
	return true;
}

static bool
is_size(const uint8_t *text, size_t length)
{
	uint64_t size;

	return read_size(text, length, &size);
}

static bool
is_body(const uint8_t *text, size_t length)
{
	return is_word(text, length, OUTPUT_TEXT("7BIT")) ||
	       is_word(text, length, OUTPUT_TEXT("8BITMIME"));
}

static bool
is_binary(const uint8_t *text, size_t length)
{
	return is_word(text, length, OUTPUT_TEXT("BINARYMIME"));
}

static bool
is_ret(const uint8_t *text, size_t length)
{
	return is_word(text, length, OUTPUT_TEXT("FULL")) ||
	       is_word(text, length, OUTPUT_TEXT("HDRS"));
}

static int
hex_value(uint8_t byte)
{
	unsigned letter = (unsigned)(byte | 0x20) - 'a';

	return is_digit(byte) ? byte - '0' : letter < 6 ? (int)letter + 10 : -1;
}

/* xtext (RFC 3461 4), of which some clients leave "=" as it is.  It comes back in messages of the
 * server's, so it must not stand for a control character. */
static bool
is_xtext(const uint8_t *text, size_t length, bool ascii)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] <= ' ' || text[i] == 0x7f || (ascii && text[i] > 0x7f))
			return false;
		if (text[i] != '+')
			continue;
		if (length - i < 3 || hex_value(text[i + 1]) < 0 || hex_value(text[i + 2]) < 0)
			return false;
		int byte = hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]);
		if (byte < ' ' || byte == 0x7f)
			return false;
		i += 2;
	}
	return length > 0;
}

static bool
is_envid(const uint8_t *text, size_t length)
{
	return length <= ENVID_MAX && is_xtext(text, length, true);
}

static bool
is_auth(const uint8_t *text, size_t length)
{
	return length <= AUTH_MAX && is_xtext(text, length, true);
}

static bool
is_submitter(const uint8_t *text, size_t length)
{
	return is_xtext(text, length, true);
}

/* An address type and xtext; that of utf-8 (RFC 6533 3) may hold more than ASCII. */
static bool
is_orcpt(const uint8_t *text, size_t length)
{
	size_t type = 0;

	while (type < length && (is_alphanumeric(text[type]) || text[type] == '-'))
		type++;
	if (type == 0 || type == length || text[type] != ';' || length > ORCPT_MAX)
		return false;
	return is_xtext(
	    text + type + 1, length - type - 1, !is_word(text, type, OUTPUT_TEXT("utf-8")));
}

/* NEVER, or a list of SUCCESS, FAILURE and DELAY. */
static bool
is_notify(const uint8_t *text, size_t length)
{
	if (is_word(text, length, OUTPUT_TEXT("NEVER")))
		return true;
	for (;;) {
		const uint8_t *comma = length ? memchr(text, ',', length) : NULL;
		size_t word = comma ? (size_t)(comma - text) : length;
		if (!is_word(text, word, OUTPUT_TEXT("SUCCESS")) &&
		    !is_word(text, word, OUTPUT_TEXT("FAILURE")) &&
		    !is_word(text, word, OUTPUT_TEXT("DELAY")))
			return false;
		if (!comma)
			return true;
		text = comma + 1;
		length -= word + 1;
	}
}

static bool
is_seconds(const uint8_t *text, size_t length)
{
	return length >= 1 && length <= 9 && count_digits(text, length) == length;
}

/* by-time ";" by-mode [by-trace] */
static bool
is_by(const uint8_t *text, size_t length)
{
	size_t sign = length && (*text == '-' || *text == '+');
	size_t digits = count_digits(text + sign, length - sign), at = sign + digits;

	if (digits < 1 || digits > 9)
		return false;
	text += at;
	length -= at;
	return is_word(text, length, OUTPUT_TEXT(";N")) ||
	       is_word(text, length, OUTPUT_TEXT(";R")) ||
	       is_word(text, length, OUTPUT_TEXT(";NT")) ||
	       is_word(text, length, OUTPUT_TEXT(";RT"));
}

/* -9 to 9 */
static bool
is_priority(const uint8_t *text, size_t length)
{
	if (length == 2 && text[0] == '-' && text[1] != '0')
		return is_digit(text[1]);
	return length == 1 && is_digit(text[0]);
}

/* date-time (RFC 3339 5.6); its length, 0 if it is none. */
static size_t
date_time_length(const uint8_t *text, size_t length)
{
	static const char form[] = "0000-00-00T00:00:00";
	size_t at = sizeof(form) - 1;

	if (length <= at)
		return 0;
	for (size_t i = 0; i < at; i++)
		if (form[i] == '0' ? !is_digit(text[i]) : !ascii_equal(text + i, form + i, 1))
			return 0;
	if (text[at] == '.') {
		size_t digits = count_digits(text + at + 1, length - at - 1);
		at += digits ? digits + 1 : 0;
	}
	if (at < length && (text[at] | 0x20) == 'z')
		return at + 1;
	if (length - at < 6 || (text[at] != '+' && text[at] != '-') || text[at + 3] != ':' ||
	    count_digits(text + at + 1, 2) != 2 || count_digits(text + at + 4, 2) != 2)
		return 0;
	return at + 6;
}

static bool
is_date_time(const uint8_t *text, size_t length)
{
	return length && date_time_length(text, length) == length;
}

/* date-time [";" ("C" / "R")] */
static bool
is_rrvs(const uint8_t *text, size_t length)
{
	size_t at = date_time_length(text, length);

	return at && (at == length || is_word(text + at, length - at, OUTPUT_TEXT(";C")) ||
			 is_word(text + at, length - at, OUTPUT_TEXT(";R")));
}

/* Words, with commas between them. */
static bool
is_solicit(const uint8_t *text, size_t length)
{
	bool begins = true;

	if (length > SOLICIT_MAX)
		return false;
	for (size_t i = 0; i < length; i++) {
		bool inner = memchr(".-_:", text[i], 4) != NULL;
		if (text[i] == ',' ? begins : !(is_alphanumeric(text[i]) || (inner && !begins)))
			return false;
		begins = text[i] == ',';
	}
	return !begins;
}

/* base64 [":" seconds] */
static bool
is_mtrk(const uint8_t *text, size_t length)
{
	size_t at = 0;

	while (at < length && (is_alphanumeric(text[at]) || memchr("+/=", text[at], 3)))
		at++;
	return at > 0 &&
	       (at == length || (text[at] == ':' && is_seconds(text + at + 1, length - at - 1)));
}

static bool
is_transid(const uint8_t *text, size_t length)
{
	return length > 2 && length <= TRANSID_MAX && text[0] == '<' && text[length - 1] == '>';
}

/* ---- the table ---- */

enum { OFFERED, ANYHOW };

static const struct {
	const char *keyword;
	bool (*is_value)(const uint8_t *text, size_t length);
	uint16_t octets;
	uint8_t keyword_length;
	uint8_t command;
	uint8_t extension;
	uint8_t needs;
} rows[] = {
#define ESMTP_PARAM(identifier, keyword, command, extension, needs, value, octets)                 \
	{keyword, is_##value, octets, sizeof(keyword) - 1, ESMTP_##command, EXTENSION_##extension, \
	    needs},
#include "worker/inspect/esmtp_param.def"
#undef ESMTP_PARAM
};

_Static_assert(ESMTP_PARAMS <= 32, "struct esmtp_params has 32 bits");

bool
esmtp_param_given(const struct esmtp_params *params, enum esmtp_param param)
{
	return (params->given >> param & 1) != 0;
}

static bool
is_named(unsigned row, enum esmtp_command command, const uint8_t *word, size_t length)
{
	return rows[row].command == command &&
	       is_word(word, length, rows[row].keyword, rows[row].keyword_length);
}

/* "keyword[=value]" with a value that the table knows for it, which then becomes bit *ret_row. */
static enum own_reply
find(enum esmtp_command command, const uint8_t *word, size_t name, size_t length, uint32_t *same,
    unsigned *ret_row)
{
	const uint8_t *value = word + name + (name < length);
	size_t value_length = length - (size_t)(value - word);

	*ret_row = ESMTP_PARAMS;
	for (unsigned i = 0; i < ESMTP_PARAMS; i++) {
		if (!is_named(i, command, word, name))
			continue;
		*same |= UINT32_C(1) << i;
		if (*ret_row == ESMTP_PARAMS && rows[i].is_value(value, value_length))
			*ret_row = i;
	}
	if (*same == 0)
		return OWN_PARAMETER;
	return *ret_row == ESMTP_PARAMS ? OWN_ARGUMENT : OWN_NONE;
}

enum own_reply
esmtp_param_add(
    struct esmtp_params *params, enum esmtp_command command, const uint8_t *word, size_t length)
{
	uint32_t same = 0;
	unsigned row;
	size_t name = 0;

	while (name < length && (is_alphanumeric(word[name]) || word[name] == '-'))
		name++;
	/* esmtp-keyword ["=" esmtp-value], of which neither is empty (RFC 5321 4.1.2) */
	if (name == 0 || word[0] == '-' || name + 1 == length ||
	    (name < length && word[name] != '='))
		return OWN_ARGUMENT;
	enum own_reply fault = find(command, word, name, length, &same, &row);
	if (fault != OWN_NONE)
		return fault;
	if (params->given & same)
		return OWN_ARGUMENT;
	params->given |= UINT32_C(1) << row;
	if (row == ESMTP_SIZE)
		read_size(word + name + 1, length - name - 1, &params->size);
	return OWN_NONE;
}

static bool
may_be_used(unsigned row, uint64_t shown, uint64_t permitted)
{
	return ((rows[row].needs == ANYHOW ? permitted : shown) >> rows[row].extension & 1) != 0;
}

enum own_reply
esmtp_param_judge(const struct esmtp_params *params, uint64_t shown, uint64_t permitted)
{
	for (unsigned i = 0; i < ESMTP_PARAMS; i++)
		if ((params->given >> i & 1) && !may_be_used(i, shown, permitted))
			return i == ESMTP_REQUIRETLS ? OWN_NEEDS_TLS : OWN_PARAMETER;
	return OWN_NONE;
}

size_t
esmtp_param_room(enum esmtp_command command, uint64_t shown, uint64_t permitted)
{
	size_t octets = 0;

	for (unsigned i = 0; i < ESMTP_PARAMS; i++)
		if (rows[i].command == command && may_be_used(i, shown, permitted))
			octets += rows[i].octets;
	return octets;
}
