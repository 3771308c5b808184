#include "daemon/manager/units.h"

#include <stddef.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
    {"B", 1},
    {"KiB", 1ull << 10},
    {"MiB", 1ull << 20},
    {"GiB", 1ull << 30},
    {"TiB", 1ull << 40},
    {NULL, 0},
};

static const struct unit time_units[] = {
    {"ms", 1},
    {"s", 1000},
    {"min", 60 * 1000},
    {"h", 60 * 60 * 1000},
    {NULL, 0},
};

static bool
parse(const char *text, const struct unit *units, uint64_t *ret_value)
{
	uint64_t number = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number))
			return false;
	if (at == text)
		return false;
	at += strspn(at, " ");
	for (; units->name != NULL; units++)
		if (strcmp(at, units->name) == 0)
			return !__builtin_mul_overflow(number, units->factor, ret_value);
	return false;
}

bool
units_parse_size(const char *text, uint64_t *ret_bytes)
{
	return parse(text, size_units, ret_bytes);
}

bool
units_parse_time(const char *text, uint64_t *ret_ms)
{
	return parse(text, time_units, ret_ms);
}
