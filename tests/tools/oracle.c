#include "tests/tools/oracle.h"

#include "tests/tools/oracle_lines.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define KEY_LENGTH (ORACLE_KEY_TEXT - 2)

uint64_t
oracle_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
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

/* The word up to a space or the end; its place in the list, or `count`. */
static unsigned
word_parse(const char **at, const char *end, const char *const *list, unsigned count)
{
	const char *space = memchr(*at, ' ', (size_t)(end - *at));
	size_t length = (size_t)((space != NULL ? space : end) - *at);
	unsigned place = 0;

	while (place < count &&
	       (strlen(list[place]) != length || memcmp(list[place], *at, length) != 0))
		place++;
	*at += length;
	return place;
}

bool
oracle_header_parse(const char *line, size_t length, struct oracle_name *ret_name)
{
	static const char head[] = "X-Oracle: ";
	const char *at = line + sizeof(head) - 1, *end = line + length;
	struct oracle_name name = {0};
	unsigned form, offence;

	if (length < sizeof(head) - 1 + KEY_LENGTH + 1 ||
	    memcmp(line, head, sizeof(head) - 1) != 0 ||
	    !oracle_key_parse(at, KEY_LENGTH, &name.key) || at[KEY_LENGTH] != ' ')
		return false;
	for (at += KEY_LENGTH + 1; at < end && *at >= '0' && *at <= '9'; at++) {
		if (name.size > UINT64_MAX / 20)
			return false;
		name.size = name.size * 10 + (uint64_t)(*at - '0');
	}
	if (at == end || *at++ != ' ')
		return false;
	form = word_parse(&at, end, oracle_forms, ORACLE_FORMS);
	if (at == end || *at++ != ' ')
		return false;
	offence = word_parse(&at, end, oracle_offences, ORACLE_OFFENCES);
	name.form = form;
	name.offence = offence;
	*ret_name = name;
	return at == end && form < ORACLE_FORMS && offence < ORACLE_OFFENCES &&
	       name.size >= ORACLE_SIZE_MIN;
}

void
oracle_begin(struct oracle *oracle, const struct oracle_name *name)
{
	const struct oracle_key *key = &name->key;

	memset(oracle, 0, sizeof(*oracle));
	oracle->name = *name;
	if (oracle->name.size < ORACLE_SIZE_MIN)
		oracle->name.size = ORACLE_SIZE_MIN;
	oracle->random =
	    key->seed ^ ((uint64_t)key->connection << 32 | key->message) * 0xd6e8feb86659fd93ull;
	oracle->at_span = ORACLE_SPANS;
}

bool
oracle_next_line(struct oracle *oracle)
{
	if (oracle->made == oracle->name.size)
		return false;
	oracle_line_make(oracle);
	return true;
}

/* Moves to the next span that is not empty; false at the end of the message. */
static bool
span_find(struct oracle *oracle)
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
oracle_next_piece(struct oracle *oracle, size_t most, struct oracle_span *ret_piece)
{
	const struct oracle_span *span;
	size_t part;

	if (!span_find(oracle))
		return false;
	span = &oracle->span[oracle->at_span];
	part = span->length - oracle->at_byte;
	if (part > most)
		part = most;
	*ret_piece = (struct oracle_span){span->bytes + oracle->at_byte, part};
	oracle->at_byte += part;
	return true;
}

bool
oracle_check(struct oracle *oracle, const char *bytes, size_t length)
{
	while (length > 0) {
		const struct oracle_span *span;
		size_t part;

		if (!span_find(oracle))
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
	return oracle->checked == oracle->name.size;
}
