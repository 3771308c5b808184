/*
 * present -- addresses and times from shared memory as text
 *
 * Pure.  A family that is none of 4 and 6 prints as "-".
 */
#ifndef DAEMON_MANAGER_PRESENT_H
#define DAEMON_MANAGER_PRESENT_H

#include "shm/layout.h"

#include <stdbool.h>
#include <stddef.h>

#define PRESENT_ENDPOINT_MAX 64

/* "192.0.2.1" or "2001:db8::1" */
void present_address(const struct shm_endpoint *endpoint, char text[PRESENT_ENDPOINT_MAX]);
/* "192.0.2.1:25" or "[2001:db8::1]:25" */
void present_endpoint(const struct shm_endpoint *endpoint, char text[PRESENT_ENDPOINT_MAX]);
/* "192.0.2.1/25" or "2001:db8::1/25", as in ASA messages */
void present_endpoint_slash(const struct shm_endpoint *endpoint, char text[PRESENT_ENDPOINT_MAX]);
/* Address only; port stays 0. False: neither IPv4 nor IPv6. */
bool present_parse_address(const char *text, struct shm_endpoint *ret_endpoint);
bool present_same_address(const struct shm_endpoint *one, const struct shm_endpoint *other);

/* "0:00:11": hours without bound. */
void present_duration(uint64_t seconds, char *text, size_t size);
/* CLOCK_REALTIME: "Nov 22 2026 21:33:26" in UTC, and RFC 3339 with microseconds. */
void present_cisco_time(uint64_t realtime_us, char *text, size_t size);
void present_iso_time(uint64_t realtime_us, char *text, size_t size);

#endif
