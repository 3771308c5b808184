/*
 * settings_load -- from the text of smtpguard.conf to struct settings
 *
 * One table (settings.def) says which keys there are.  Every key has a default, so an empty text is
 * valid.  All errors are reported, each as "FILE:LINE: KEY: REASON": unknown keys, wrong types,
 * values out of range, numbers that libconfig would cut to 32 bits without a word, @include.
 *
 * No I/O, no state; used by `smtpguard-manager --settings` and --check, by tests and fuzzing.
 */
#ifndef DAEMON_MANAGER_SETTINGS_LOAD_H
#define DAEMON_MANAGER_SETTINGS_LOAD_H

#include "daemon/manager/text.h"
#include "daemon/settings.h"

#include <stdbool.h>
#include <stddef.h>

#define SETTINGS_FILE_MAX (1u << 20)

void settings_defaults(struct settings *settings);

/* text: `length` bytes with a NUL behind them. False: `errors` has at least one line. */
bool settings_load(struct settings *settings, const char *text, size_t length, const char *file,
    struct text *errors);

/* "udp:HOST:PORT" or "udp:[ADDRESS]:PORT" in parts; false when it is not of that form. */
bool settings_parse_udp(
    const char *target, char *host, size_t host_size, char *port, size_t port_size);

/* The table, for tests and documentation; NULL beyond it. */
const char *settings_key(
    unsigned index, const char **ret_group, const char **ret_default, const char **ret_help);

#endif
