/*
 * packed -- a dialogue as a short byte string, for fuzzers
 *
 * Every byte string is a dialogue, and most small changes to it give another sensible one.
 *
 *   byte 0   mode (2 bits), banner (2), line endings, nul, allow-tls, monitor-only (1 each);
 *            mode 3 is inspect with rules of its own
 *   byte 1   errors-max
 *   byte 2   how it is cut: for the fuzzer
 *   rules    in mode 3: how many (6 bits) and which header-hold (2), message-size-max / 100; and for
 *            each criterion, action (3 bits) and flags (2), two bytes of limit, or of a set's first bits
 *   then     acts, one head byte each: the upper two bits say what, the lower six are N
 *            0 client bytes, 1 server bytes: N + 1 of them; N = 63: two bytes of length follow
 *            2 an ending, a signal or time, by N (two bytes of seconds follow time)
 */
#ifndef TESTS_DIALOGUE_PACKED_H
#define TESTS_DIALOGUE_PACKED_H

#include "tests/dialogue/dialogue.h"
#include "tests/dialogue/visible.h"

#include <stddef.h>
#include <stdint.h>

/* Fills an initialised dialogue; returns byte 2. */
uint8_t packed_read(struct dialogue *dialogue, const uint8_t *bytes, size_t length);
/* Settings that have no place in the packed form are lost; limits are cut to what has. */
void packed_write(const struct dialogue *dialogue, uint8_t cut, struct visible *bytes);

#endif
