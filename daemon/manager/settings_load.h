/*
 * settings_load -- from the text of smtpguard.conf to struct settings
 *
 * Every key has a default but for those that a failover group must have, so an empty text is valid.
 * All errors are reported, each as "FILE:LINE: KEY: REASON": unknown keys, wrong types, values out of
 * range, numbers that libconfig would cut to 32 bits without a word, @include, keys that are missing or
 * do not go together.
 *
 * No I/O, no state; used by `smtpguard-manager --settings` and --check, by tests and fuzzing.
 */
#ifndef DAEMON_MANAGER_SETTINGS_LOAD_H
#define DAEMON_MANAGER_SETTINGS_LOAD_H

#include "daemon/manager/settings_table.h"
#include "daemon/manager/text.h"

#include <stdbool.h>
#include <stddef.h>

#define SETTINGS_FILE_MAX (1u << 20)

/* text: `length` bytes with a NUL behind them. False: `errors` has at least one line, and what is not
 * at fault is in *settings all the same. */
bool settings_load(struct settings *settings, const char *text, size_t length, const char *file,
    struct text *errors);

#endif
