/*
 * sizes -- how large the messages of a run are: "1k-16k:900,16k-1m:99,50m:1"
 *
 * Each part is a range and its weight (1 when left out); a size within a range is equally likely
 * to be picked.  k and m are 1024 and 1048576.
 */
#ifndef TESTS_TOOLS_SIZES_H
#define TESTS_TOOLS_SIZES_H

#include <stdbool.h>
#include <stdint.h>

#define SIZES_PARTS 16u

struct sizes {
	unsigned parts;
	uint64_t weights; /* sum */
	struct {
		uint64_t from;
		uint64_t to;
		uint64_t weight;
	} part[SIZES_PARTS];
};

bool sizes_parse(const char *text, struct sizes *ret_sizes);
uint64_t sizes_pick(const struct sizes *sizes, uint64_t *random);

/* "20", "16k", "50m"; end is set behind it. */
bool sizes_number(const char *text, const char **ret_end, uint64_t *ret_value);

#endif
