/*
 * store_format -- a saved configuration as libconfig text, and back
 *
 * Pure but for the heap.  The reader believes nothing: schema, types, bounds and the checksum over
 * the lines must all hold, or it says why not.
 */
#ifndef DAEMON_MANAGER_STORE_FORMAT_H
#define DAEMON_MANAGER_STORE_FORMAT_H

#include "daemon/manager/store.h"
#include "daemon/manager/text.h"

/* The file's text; entry->lines is not used, `lines` is. */
void store_format_write(
    struct text *text, const struct store_entry *entry, const struct lines *lines);

/* source: `length` bytes with a NUL behind them. False: why[STORE_WHY_MAX] says the reason. */
bool store_format_read(const char *source, size_t length, struct store_entry *ret_entry, char *why);

#endif
