/*
 * endpoint -- struct shm_endpoint and what the socket calls take, and how two of them compare
 *
 * Pure.  Called by supervisor and sync.
 */
#ifndef DAEMON_ENDPOINT_H
#define DAEMON_ENDPOINT_H

#include "shm/layout.h"

#include <stdbool.h>

struct sockaddr_storage;

/* Family 0 in *ret_endpoint for anything but IPv4 and IPv6. */
void endpoint_take(const struct sockaddr_storage *address, struct shm_endpoint *ret_endpoint);
/* Length of the address, 0 for family 0. */
unsigned endpoint_sockaddr(
    const struct shm_endpoint *endpoint, struct sockaddr_storage *ret_address);

bool endpoint_same_address(const struct shm_endpoint *one, const struct shm_endpoint *other);
/* 0.0.0.0 or ::, or none. */
bool endpoint_is_any(const struct shm_endpoint *endpoint);
/* An order over family, address and port: below, at or above 0. */
int endpoint_compare(const struct shm_endpoint *one, const struct shm_endpoint *other);

#endif
