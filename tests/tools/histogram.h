/*
 * histogram -- how long things took, in microseconds
 *
 * Log-linear: 16 steps to each power of two, so a quantile is right to about 6 %.  The maximum is
 * exact.  No heap.
 */
#ifndef TESTS_TOOLS_HISTOGRAM_H
#define TESTS_TOOLS_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS	  16u
#define HISTOGRAM_BUCKETS (HISTOGRAM_STEPS * 40u)

struct histogram {
	uint64_t count;
	uint64_t max;
	uint32_t bucket[HISTOGRAM_BUCKETS];
};

void histogram_clear(struct histogram *histogram);
void histogram_add(struct histogram *histogram, uint64_t us);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* Smallest value that at least `per_mille` of the entries do not exceed; 0 when empty. */
uint64_t histogram_quantile(const struct histogram *histogram, unsigned per_mille);

#endif
