#include "tests/tools/oracle_lines.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TABLE_SIZE     65536u
#define WORDS_SIZE     4096u
#define OFFENCE_LINE   (ORACLE_LINE_LONG + 480u)
#define OFFENCE_HEADER (ORACLE_HEADER_LONG + 200u)
#define SLICE_MOST     OFFENCE_LINE
#define FOLDS_MOST     120u
#define LINE_USUAL     998u
#define FOLD_LENGTH    78u
#define PART_ROOM      1024u /* a part is begun only where so much is left */
#define PART_EVERY     40u   /* lines, on the average */

const char *const oracle_forms[ORACLE_FORMS] = {"text", "lf", "binary"};
const char *const oracle_offences[ORACLE_OFFENCES] = {"good", "header", "line", "name"};

enum stage {
	STAGE_KEY,
	STAGE_FROM,
	STAGE_SUBJECT,
	STAGE_TRACE,
	STAGE_FOLD,
	STAGE_LONG_HEADER,
	STAGE_TYPE,
	STAGE_BOUNDARY,
	STAGE_HEADER_END,
	STAGE_BODY,
	STAGE_PART_TYPE,
	STAGE_PART_DISPOSITION,
	STAGE_PART_NAME,
	STAGE_PART_NAME_MORE,
	STAGE_PART_END,
};

/* Slices of these fill the lines.  The same in every run. */
static char table_ascii[TABLE_SIZE];
static char table_eight[TABLE_SIZE];
static char table_any[TABLE_SIZE];
static char table_words[WORDS_SIZE];
static bool tables_made;

static void
tables_make(void)
{
	uint64_t state = 1;

	for (unsigned i = 0; i < TABLE_SIZE; i++) {
		uint64_t r = oracle_random(&state);

		table_ascii[i] = (char)(' ' + r % 95);
		/* Every byte but NUL, CR and LF. */
		table_eight[i] = (char)(14 + (r >> 32) % 242);
		table_any[i] = (char)(r >> 56);
		table_words[i % WORDS_SIZE] = (char)('a' + (r >> 16) % 26);
	}
	tables_made = true;
}

static const char *
line_end(const struct oracle *oracle)
{
	return oracle->name.form == ORACLE_LF ? "\n" : "\r\n";
}

/* A line of the formatted text, `length` bytes of the slice, and `end`. */
__attribute__((format(printf, 5, 6))) static void
line_set(struct oracle *oracle, const char *slice, size_t length, const char *end,
    const char *format, ...)
{
	va_list arguments;
	int own;

	va_start(arguments, format);
	own = vsnprintf(oracle->own, sizeof(oracle->own), format, arguments);
	va_end(arguments);
	oracle->span[0] = (struct oracle_span){oracle->own, (size_t)own};
	oracle->span[1] = (struct oracle_span){slice, length};
	oracle->span[2] = (struct oracle_span){end, strlen(end)};
}

static const char *
slice_pick(const char *table, uint64_t r)
{
	return table + r % (TABLE_SIZE - SLICE_MOST);
}

/* ---- the header ---- */

static unsigned
folds_pick(struct oracle *oracle)
{
	uint64_t r = oracle_random(&oracle->random);
	unsigned most = (unsigned)(oracle->name.size / 4 / (FOLD_LENGTH + 2));
	unsigned folds = r % 8 == 0 ? FOLDS_MOST : (unsigned)(r / 8 % 8);

	return folds < most ? folds : most;
}

static bool
has_room_for_riches(const struct oracle *oracle)
{
	return oracle->name.size >= ORACLE_SIZE_RICH;
}

static void
header_decide(struct oracle *oracle)
{
	if (!has_room_for_riches(oracle))
		return;
	oracle->folds = folds_pick(oracle);
	oracle->multipart =
	    oracle_random(&oracle->random) % 2 == 0 || oracle->name.offence == ORACLE_LONG_NAME;
}

static void
header_line(struct oracle *oracle)
{
	uint64_t r = oracle_random(&oracle->random);
	char key[ORACLE_KEY_TEXT];
	const char *end = line_end(oracle);

	oracle_key_print(&oracle->name.key, key);
	switch (oracle->stage) {
	case STAGE_KEY:
		header_decide(oracle);
		line_set(oracle, "", 0, end, ORACLE_HEADER_FORMAT, key, oracle->name.size,
		    oracle_forms[oracle->name.form], oracle_offences[oracle->name.offence]);
		break;
	case STAGE_FROM:
		line_set(oracle, "", 0, end, "From: <s-%s@source.test>", key);
		break;
	case STAGE_SUBJECT:
		line_set(oracle, "", 0, end, "Subject: %" PRIu64 " bytes", oracle->name.size);
		break;
	case STAGE_TRACE:
		line_set(oracle, "", 0, end, "X-Trace: %016" PRIx64, r);
		break;
	case STAGE_FOLD:
		line_set(oracle, table_words + r % (WORDS_SIZE - FOLD_LENGTH), FOLD_LENGTH - 17,
		    end, "\t%016" PRIx64, r);
		break;
	case STAGE_LONG_HEADER:
		line_set(oracle, table_words + r % (WORDS_SIZE - OFFENCE_HEADER), OFFENCE_HEADER,
		    end, "X-Long: ");
		break;
	case STAGE_TYPE:
		line_set(oracle, "", 0, end, "Content-Type: multipart/mixed;");
		break;
	case STAGE_BOUNDARY:
		line_set(oracle, "", 0, end, "\tboundary=\"=_%s\"", key);
		break;
	default:
		line_set(oracle, "", 0, end, "%s", "");
		break;
	}
}

static unsigned
header_next(struct oracle *oracle)
{
	switch (oracle->stage) {
	case STAGE_SUBJECT:
		return has_room_for_riches(oracle) ? STAGE_TRACE : STAGE_HEADER_END;
	case STAGE_TRACE:
	case STAGE_FOLD:
		if (oracle->folds > 0) {
			oracle->folds--;
			return STAGE_FOLD;
		}
		if (oracle->name.offence == ORACLE_LONG_HEADER)
			return STAGE_LONG_HEADER;
		return oracle->multipart ? STAGE_TYPE : STAGE_HEADER_END;
	case STAGE_LONG_HEADER:
		return oracle->multipart ? STAGE_TYPE : STAGE_HEADER_END;
	default:
		return oracle->stage + 1;
	}
}

/* ---- the heads of parts ---- */

static void
part_line(struct oracle *oracle)
{
	uint64_t r = oracle_random(&oracle->random);
	size_t length = oracle->long_part ? ORACLE_NAME_LONG : 1 + r % (ORACLE_NAME_LONG / 2);
	const char *words = table_words + (r >> 32) % (WORDS_SIZE - ORACLE_NAME_LONG);
	const char *end = line_end(oracle);
	bool lf = oracle->name.form == ORACLE_LF;

	switch (oracle->stage) {
	case STAGE_PART_TYPE:
		line_set(
		    oracle, "", 0, end, "Content-Type: application/x-%08x", (unsigned)(r >> 40));
		break;
	case STAGE_PART_DISPOSITION:
		line_set(oracle, "", 0, end, "Content-Disposition: attachment;");
		break;
	case STAGE_PART_NAME: /* RFC 2231 3 */
		line_set(oracle, words, length, lf ? "\";\n" : "\";\r\n", " filename*0=\"");
		break;
	case STAGE_PART_NAME_MORE:
		line_set(oracle, words, length, lf ? "\"\n" : "\"\r\n", "\tfilename*1=\"");
		break;
	default:
		line_set(oracle, "", 0, end, "%s", "");
		break;
	}
}

/* A part begins here: the octets of a binary one before it do not end a line. */
static void
part_begin(struct oracle *oracle)
{
	char key[ORACLE_KEY_TEXT];

	oracle_key_print(&oracle->name.key, key);
	line_set(oracle, "", 0, line_end(oracle), "%s--=_%s",
	    oracle->name.form == ORACLE_BINARY ? "\r\n" : "", key);
	oracle->stage = STAGE_PART_TYPE;
}

/* ---- the body ---- */

static size_t
any_length_pick(uint64_t r)
{
	unsigned kind = (unsigned)(r % 1000);

	r /= 1000;
	if (kind < 30)
		return 0;
	if (kind < 60)
		return 1 + r % 8;
	if (kind < 90)
		return LINE_USUAL;
	if (kind < 91)
		return 1000 + r % (ORACLE_LINE_LONG - 1000);
	if (kind < 300)
		return 76;
	return 1 + r % 200;
}

/* A long line must not take the room of what is to offend. */
static size_t
length_pick(const struct oracle *oracle, uint64_t r)
{
	size_t length = any_length_pick(r);
	bool bounded = oracle->name.offence != ORACLE_GOOD && oracle->offended == 0;

	return bounded && length > LINE_USUAL ? LINE_USUAL : length;
}

static void
body_text(struct oracle *oracle, uint64_t r, uint64_t left)
{
	uint64_t s = oracle_random(&oracle->random);
	const char *end = line_end(oracle);
	size_t length = length_pick(oracle, r), own = 0, ending = strlen(end);

	/* The last line takes what is left; a rest too small for a line of its own joins it. */
	if (length + 2 * ending > left)
		length = (size_t)(left - ending);
	/* Dots where they matter: at the start of a line, and as the whole line. */
	if (s % 16 == 0)
		own = length < 1 + s / 16 % 3 ? length : 1 + s / 16 % 3;
	memset(oracle->own, '.', own);
	if (length >= 24 && own + 16 <= length)
		own += (size_t)snprintf(
		    oracle->own + own, sizeof(oracle->own) - own, "%016" PRIx64, s ^ oracle->line);
	oracle->span[0] = (struct oracle_span){oracle->own, own};
	oracle->span[1] = (struct oracle_span){
	    slice_pick((s >> 8) % 5 == 0 ? table_eight : table_ascii, s >> 16), length - own};
	oracle->span[2] = (struct oracle_span){end, ending};
}

static void
body_binary(struct oracle *oracle, uint64_t r, uint64_t left)
{
	uint64_t s = oracle_random(&oracle->random);
	size_t length = 1 + length_pick(oracle, r);

	line_set(
	    oracle, slice_pick(table_any, s), length < left ? length : (size_t)left, "", "%s", "");
}

static bool
is_time_to_offend(const struct oracle *oracle, enum oracle_offence offence)
{
	return oracle->name.offence == offence && oracle->offended == 0 &&
	       oracle->made >= oracle->name.size / 2;
}

static void
body_line(struct oracle *oracle)
{
	uint64_t left = oracle->name.size - oracle->made, r = oracle_random(&oracle->random);
	bool part = oracle->multipart && left >= PART_ROOM;

	oracle->long_part = false;
	if (is_time_to_offend(oracle, ORACLE_LONG_LINE) && left > OFFENCE_LINE + 4) {
		line_set(
		    oracle, slice_pick(table_ascii, r), OFFENCE_LINE, line_end(oracle), "%s", "");
	} else if (part && is_time_to_offend(oracle, ORACLE_LONG_NAME)) {
		oracle->long_part = true;
		part_begin(oracle);
	} else if (part && (r >> 32) % PART_EVERY == 0) {
		part_begin(oracle);
	} else if (oracle->name.form == ORACLE_BINARY) {
		body_binary(oracle, r, left);
	} else {
		body_text(oracle, r, left);
	}
}

static bool
line_offends(const struct oracle *oracle, unsigned stage)
{
	switch (oracle->name.offence) {
	case ORACLE_LONG_HEADER:
		return stage == STAGE_LONG_HEADER;
	case ORACLE_LONG_LINE:
		return stage == STAGE_BODY && oracle->span[1].length == OFFENCE_LINE;
	case ORACLE_LONG_NAME: /* it is known when the part's head has ended */
		return stage == STAGE_PART_END && oracle->long_part;
	default:
		return false;
	}
}

void
oracle_line_make(struct oracle *oracle)
{
	unsigned stage = oracle->stage;

	if (!tables_made)
		tables_make();
	if (stage < STAGE_BODY) {
		header_line(oracle);
		oracle->stage = header_next(oracle);
	} else if (stage == STAGE_BODY) {
		body_line(oracle);
	} else {
		part_line(oracle);
		oracle->stage = stage == STAGE_PART_END ? STAGE_BODY : stage + 1;
	}
	oracle->line++;
	for (unsigned i = 0; i < ORACLE_SPANS; i++)
		oracle->made += oracle->span[i].length;
	if (oracle->offended == 0 && line_offends(oracle, stage))
		oracle->offended = oracle->made;
}
