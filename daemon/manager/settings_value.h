/*
 * settings_value -- single values of smtpguard.conf, from text
 *
 * Each returns false for what is not of its form.  No I/O, no names are resolved: addresses are numbers.
 */
#ifndef DAEMON_MANAGER_SETTINGS_VALUE_H
#define DAEMON_MANAGER_SETTINGS_VALUE_H

#include "shm/layout.h"

#include <stdbool.h>
#include <stddef.h>

/* Letters, digits, '_', '.' and '-'; no '-' first. */
bool settings_name_is_plain(const char *name);
/* Absolute, printable. */
bool settings_path_is_plain(const char *path);

/* "udp:HOST:PORT" or "udp:[ADDRESS]:PORT" in parts. */
bool settings_parse_udp(
    const char *target, char *host, size_t host_size, char *port, size_t port_size);
/* "journal", "stderr" or one for settings_parse_udp(). */
bool settings_target_is_valid(const char *target);

/* An address that one host can have: neither unspecified nor for many, and good without an interface. */
bool settings_parse_address(const char *text, struct shm_endpoint *ret_address);
/* ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT; without a port it is `port`. */
bool settings_parse_endpoint(const char *text, uint16_t port, struct shm_endpoint *ret_endpoint);

#endif
