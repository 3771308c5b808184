#include "tests/tools/sizes.h"

#include "tests/tools/oracle.h"

#include <string.h>

bool
sizes_number(const char *text, const char **ret_end, uint64_t *ret_value)
{
	const char *at = text;
	uint64_t value = 0;

	for (; *at >= '0' && *at <= '9'; at++) {
		if (value > UINT64_MAX >> 28)
			return false;
		value = value * 10 + (uint64_t)(*at - '0');
	}
	if (at == text)
		return false;
	if (*at == 'k' || *at == 'm')
		value <<= *at++ == 'k' ? 10 : 20;
	*ret_value = value;
	*ret_end = at;
	return true;
}

bool
sizes_parse(const char *text, struct sizes *ret_sizes)
{
	memset(ret_sizes, 0, sizeof(*ret_sizes));
	while (ret_sizes->parts < SIZES_PARTS) {
		uint64_t from, to, weight = 1;

		if (!sizes_number(text, &text, &from))
			return false;
		to = from;
		if (*text == '-' && !sizes_number(text + 1, &text, &to))
			return false;
		if (*text == ':' && !sizes_number(text + 1, &text, &weight))
			return false;
		if (to < from || (*text != ',' && *text != '\0'))
			return false;
		ret_sizes->part[ret_sizes->parts].from = from;
		ret_sizes->part[ret_sizes->parts].to = to;
		ret_sizes->part[ret_sizes->parts].weight = weight;
		ret_sizes->parts++;
		ret_sizes->weights += weight;
		if (*text++ == '\0')
			return ret_sizes->weights > 0;
	}
	return false;
}

uint64_t
sizes_pick(const struct sizes *sizes, uint64_t *random)
{
	uint64_t ticket = oracle_random(random) % sizes->weights;
	unsigned i = 0;

	while (ticket >= sizes->part[i].weight)
		ticket -= sizes->part[i++].weight;
	return sizes->part[i].from +
	       oracle_random(random) % (sizes->part[i].to - sizes->part[i].from + 1);
}
