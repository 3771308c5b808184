#include "tests/tools/histogram.h"

#include <string.h>

void
histogram_clear(struct histogram *histogram)
{
	memset(histogram, 0, sizeof(*histogram));
}

static unsigned
bucket_of(uint64_t us)
{
	unsigned shift = 0, index;

	while (us >= 2 * HISTOGRAM_STEPS) {
		us >>= 1;
		shift++;
	}
	index = shift * HISTOGRAM_STEPS + (unsigned)us;
	return index < HISTOGRAM_BUCKETS ? index : HISTOGRAM_BUCKETS - 1;
}

/* The largest value that falls into the bucket. */
static uint64_t
bucket_top(unsigned index)
{
	unsigned shift;

	if (index < 2 * HISTOGRAM_STEPS)
		return index;
	shift = index / HISTOGRAM_STEPS - 1;
	return ((uint64_t)(index - shift * HISTOGRAM_STEPS + 1) << shift) - 1;
}

void
histogram_add(struct histogram *histogram, uint64_t us)
{
	histogram->count++;
	histogram->bucket[bucket_of(us)]++;
	if (us > histogram->max)
		histogram->max = us;
}

void
histogram_merge(struct histogram *into, const struct histogram *from)
{
	into->count += from->count;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->bucket[i] += from->bucket[i];
	if (from->max > into->max)
		into->max = from->max;
}

uint64_t
histogram_quantile(const struct histogram *histogram, unsigned per_mille)
{
	uint64_t wanted = (histogram->count * per_mille + 999) / 1000;
	uint64_t seen = 0;

	if (histogram->count == 0)
		return 0;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->bucket[i];
		if (seen >= wanted && seen > 0)
			return bucket_top(i) < histogram->max ? bucket_top(i) : histogram->max;
	}
	return histogram->max;
}
