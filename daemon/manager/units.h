/*
 * units -- sizes and times written as text: "1 GiB", "10 s"
 *
 * A whole number, optional blanks, a unit.  Sizes: B KiB MiB GiB TiB, in bytes.  Times: ms s min h,
 * in milliseconds.  The unit must be there.  False: not of this form, or beyond 64 bits.
 */
#ifndef DAEMON_MANAGER_UNITS_H
#define DAEMON_MANAGER_UNITS_H

#include <stdbool.h>
#include <stdint.h>

bool units_parse_size(const char *text, uint64_t *ret_bytes);
bool units_parse_time(const char *text, uint64_t *ret_ms);

#endif
