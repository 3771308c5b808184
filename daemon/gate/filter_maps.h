/*
 * filter_maps -- what the filter in the kernel and the process that loads it both know of its maps
 *
 * C headers without I/O only.
 */
#ifndef GATE_FILTER_MAPS_H
#define GATE_FILTER_MAPS_H

#include <stdint.h>

#define FILTER_GUARDS_MAX 1024u

/* The key of a guarded address: its first so many bits; IPv4 as ::ffff:a.b.c.d. */
struct filter_guard {
	uint32_t bits;
	uint8_t address[16];
};
_Static_assert(sizeof(struct filter_guard) == 20, "as the kernel reads it");

#endif
