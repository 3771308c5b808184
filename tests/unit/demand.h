/*
 * demand -- what a property test asks for; a run that does not hold tells its seed and step
 *
 * `seed` and `step` are the test's own.
 */
#ifndef TESTS_UNIT_DEMAND_H
#define TESTS_UNIT_DEMAND_H

#include <stdio.h>
#include <stdlib.h>

#define DEMAND(condition)                                                                          \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "seed %llu, step %u: %s (line %d)\n",                      \
			    (unsigned long long)seed, step, #condition, __LINE__);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#endif
