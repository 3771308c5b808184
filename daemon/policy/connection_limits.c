#include "daemon/policy/connection_limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *keyword;
	size_t offset;
} table[] = {
#define LIMIT(member, keyword) {keyword, offsetof(struct class_limits, member)},
#include "daemon/policy/connection_limits.def"
#undef LIMIT
};

#define LIMITS (sizeof(table) / sizeof(table[0]))

static uint32_t *
number_of(struct connection_limits *limits, unsigned limit)
{
	return (uint32_t *)((char *)&limits->most + table[limit].offset);
}

static unsigned
find(const char *keyword)
{
	unsigned limit = 0;
	while (limit < LIMITS && strcmp(table[limit].keyword, keyword) != 0)
		limit++;
	return limit;
}

void
connection_limits_enter(struct connection_limits *limits, const char *keyword, uint32_t number)
{
	unsigned limit = find(keyword);
	if (limit == LIMITS)
		return;
	limits->entered |= 1u << limit;
	*number_of(limits, limit) = number;
}

void
connection_limits_forget(struct connection_limits *limits, const char *keyword)
{
	unsigned limit = find(keyword);
	if (limit == LIMITS)
		return;
	limits->entered &= ~(1u << limit);
	*number_of(limits, limit) = 0;
}

bool
connection_limits_entered(
    const struct connection_limits *limits, const char *keyword, uint32_t *ret_number)
{
	unsigned limit = find(keyword);
	if (limit == LIMITS || !(limits->entered & 1u << limit))
		return false;
	*ret_number = *number_of((struct connection_limits *)limits, limit);
	return true;
}

bool
connection_limits_equal(const struct connection_limits *one, const struct connection_limits *other)
{
	return one->entered == other->entered &&
	       memcmp(&one->most, &other->most, sizeof(one->most)) == 0;
}

void
connection_limits_text(const struct connection_limits *limits, char text[CONNECTION_LIMITS_TEXT])
{
	size_t used = 0;
	text[0] = '\0';
	for (unsigned i = 0; i < LIMITS; i++) {
		uint32_t number;
		if (connection_limits_entered(limits, table[i].keyword, &number))
			used += (size_t)snprintf(text + used, CONNECTION_LIMITS_TEXT - used,
			    "%s%s %" PRIu32, used > 0 ? " " : "", table[i].keyword, number);
	}
}
