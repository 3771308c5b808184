#include "tests/tools/oracle.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TABLE_SIZE  65536u
#define HEADER_LINE "X-Oracle: "
#define KEY_LENGTH  (ORACLE_KEY_TEXT - 2)

/* Slices of these fill the lines. The same in every run. */
static char table_ascii[TABLE_SIZE];
static char table_eight[TABLE_SIZE];
static bool tables_made;

uint64_t
oracle_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static void
tables_make(void)
{
	uint64_t state = 1;

	for (unsigned i = 0; i < TABLE_SIZE; i++) {
		uint64_t r = oracle_random(&state);

		table_ascii[i] = (char)(' ' + r % 95);
		/* Every byte but NUL, CR and LF. */
		table_eight[i] = (char)(14 + (r >> 32) % 242);
	}
	tables_made = true;
}

void
oracle_key_print(const struct oracle_key *key, char text[ORACLE_KEY_TEXT])
{
	snprintf(text, ORACLE_KEY_TEXT, "%016" PRIx64 "-%08" PRIx32 "-%08" PRIx32, key->seed,
	    key->connection, key->message);
}

static bool
hex_parse(const char *text, size_t length, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (size_t i = 0; i < length; i++) {
		char c = text[i];

		if (c >= '0' && c <= '9')
			value = value << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (uint64_t)(c - 'a' + 10);
		else
			return false;
	}
	*ret_value = value;
	return true;
}

bool
oracle_key_parse(const char *text, size_t length, struct oracle_key *ret_key)
{
	uint64_t seed, connection, message;

	if (length != KEY_LENGTH || text[16] != '-' || text[25] != '-')
		return false;
	if (!hex_parse(text, 16, &seed) || !hex_parse(text + 17, 8, &connection) ||
	    !hex_parse(text + 26, 8, &message))
		return false;
	*ret_key = (struct oracle_key){seed, (uint32_t)connection, (uint32_t)message};
	return true;
}

bool
oracle_header_parse(const char *line, size_t length, struct oracle_key *ret_key, uint64_t *ret_size)
{
	const size_t head = sizeof(HEADER_LINE) - 1;
	uint64_t size = 0;

	if (length < head + KEY_LENGTH + 2 || memcmp(line, HEADER_LINE, head) != 0 ||
	    !oracle_key_parse(line + head, KEY_LENGTH, ret_key) || line[head + KEY_LENGTH] != ' ')
		return false;
	for (size_t i = head + KEY_LENGTH + 1; i < length; i++) {
		if (line[i] < '0' || line[i] > '9' || size > UINT64_MAX / 20)
			return false;
		size = size * 10 + (uint64_t)(line[i] - '0');
	}
	*ret_size = size;
	return size >= ORACLE_SIZE_MIN;
}

void
oracle_begin(struct oracle *oracle, const struct oracle_key *key, uint64_t size)
{
	if (!tables_made)
		tables_make();
	memset(oracle, 0, sizeof(*oracle));
	oracle->key = *key;
	oracle->size = size < ORACLE_SIZE_MIN ? ORACLE_SIZE_MIN : size;
	oracle->random =
	    key->seed ^ ((uint64_t)key->connection << 32 | key->message) * 0xd6e8feb86659fd93ull;
	oracle->at_span = ORACLE_SPANS;
}

static void
line_set(struct oracle *oracle, size_t own, const char *slice, size_t length)
{
	oracle->span[0] = (struct oracle_span){oracle->own, own};
	oracle->span[1] = (struct oracle_span){slice, length};
	oracle->span[2] = (struct oracle_span){"\r\n", 2};
	oracle->made += own + length + 2;
}

/* The header: its length is bounded, so that it always fits in ORACLE_SIZE_MIN. */
static void
line_of_header(struct oracle *oracle)
{
	char key[ORACLE_KEY_TEXT];
	int own = 0;

	oracle_key_print(&oracle->key, key);
	switch (oracle->line) {
	case 0:
		own = snprintf(
		    oracle->own, sizeof(oracle->own), HEADER_LINE "%s %" PRIu64, key, oracle->size);
		break;
	case 1:
		own = snprintf(oracle->own, sizeof(oracle->own), "From: <s-%s@source.test>", key);
		break;
	case 2:
		own = snprintf(
		    oracle->own, sizeof(oracle->own), "Subject: %" PRIu64 " bytes", oracle->size);
		break;
	default:
		break;
	}
	line_set(oracle, (size_t)own, "", 0);
}

static size_t
length_pick(uint64_t r)
{
	unsigned kind = (unsigned)(r % 1000);

	r /= 1000;
	if (kind < 30)
		return 0;
	if (kind < 60)
		return 1 + r % 8;
	if (kind < 90)
		return 998;
	if (kind < 91)
		return 1000 + r % (ORACLE_LINE_LONG - 1000);
	if (kind < 300)
		return 76;
	return 1 + r % 200;
}

bool
oracle_next_line(struct oracle *oracle)
{
	uint64_t left = oracle->size - oracle->made;
	uint64_t r, s;
	size_t length, own = 0;

	if (left == 0)
		return false;
	if (oracle->line < 4) {
		line_of_header(oracle);
		oracle->line++;
		return true;
	}
	r = oracle_random(&oracle->random);
	s = oracle_random(&oracle->random);
	length = length_pick(r);
	/* The last line takes what is left; a rest too small for a line of its own joins it. */
	if (length + 4 > left)
		length = (size_t)(left - 2);

	/* Dots where they matter: at the start of a line, and as the whole line. */
	if (s % 16 == 0)
		own = length < 1 + s / 16 % 3 ? length : 1 + s / 16 % 3;
	memset(oracle->own, '.', own);
	if (length >= 24 && own + 16 <= length)
		own += (size_t)snprintf(
		    oracle->own + own, sizeof(oracle->own) - own, "%016" PRIx64, s ^ oracle->line);
	line_set(oracle, own,
	    ((s >> 8) % 5 == 0 ? table_eight : table_ascii) +
		(s >> 16) % (TABLE_SIZE - ORACLE_LINE_LONG),
	    length - own);
	oracle->line++;
	return true;
}

/* Moves to the next span that is not empty; false at the end of the message. */
static bool
check_span(struct oracle *oracle)
{
	while (oracle->at_span == ORACLE_SPANS ||
	       oracle->at_byte == oracle->span[oracle->at_span].length) {
		if (oracle->at_span < ORACLE_SPANS)
			oracle->at_span++;
		if (oracle->at_span == ORACLE_SPANS) {
			if (!oracle_next_line(oracle))
				return false;
			oracle->at_span = 0;
		}
		oracle->at_byte = 0;
	}
	return true;
}

bool
oracle_check(struct oracle *oracle, const char *bytes, size_t length)
{
	while (length > 0) {
		const struct oracle_span *span;
		size_t part;

		if (!check_span(oracle))
			return false;
		span = &oracle->span[oracle->at_span];
		part = span->length - oracle->at_byte;
		if (part > length)
			part = length;
		if (memcmp(span->bytes + oracle->at_byte, bytes, part) != 0) {
			while (*bytes == span->bytes[oracle->at_byte]) {
				bytes++;
				oracle->at_byte++;
				oracle->checked++;
			}
			return false;
		}
		oracle->at_byte += part;
		oracle->checked += part;
		bytes += part;
		length -= part;
	}
	return true;
}

bool
oracle_complete(const struct oracle *oracle)
{
	return oracle->checked == oracle->size;
}
