/*
 * scan -- looks through content in wide steps
 *
 * Each function has one meaning and several ways to it (enum inspect_scan): octet by octet in
 * words of 64 bits, and with SSE2 or AVX2.  All give the same result; the caller says which his
 * CPU can.
 */
#ifndef INSPECT_SCAN_H
#define INSPECT_SCAN_H

#include "worker/inspect/inspect.h"

/* The length of the longest beginning of the text that needs no thought: without NUL, each CR
 * followed by LF and each LF behind CR, and no dot where a line begins, which is behind CRLF and,
 * with at_line, at the start of the text.  It never ends between CR and LF. */
size_t scan_clean(enum inspect_scan how, const uint8_t *text, size_t length, bool at_line);

/* Follows the lines of a text whose first octet is number *column of its line, from 0.  Returns the
 * offset of the first octet that makes its line longer than `limit`, or `length`.  A line's length
 * is without LF and without a CR that is its last octet so far, so a CR alone makes no line too
 * long.  *column is that of the octet behind what was passed; it stays at UINT32_MAX, and a limit
 * of UINT32_MAX is none. */
size_t scan_long_line(
    enum inspect_scan how, const uint8_t *text, size_t length, uint32_t *column, uint32_t limit);

/* The offset of the first `byte` that stands where a line begins for some reader (behind LF or CR; with
 * at_line at the start of the text), or `length`. */
size_t scan_line_start(
    enum inspect_scan how, const uint8_t *text, size_t length, bool at_line, uint8_t byte);

#endif
