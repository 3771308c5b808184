/*
 * loopback -- real connections in a network namespace of the test's own, and what its kernel says of them
 *
 * The connections have no port or address in common with anything else on the host, and the kernel's
 * settings can be changed.  Needs root; a test begins with loopback_enter(), which skips it otherwise.
 */
#ifndef TESTS_UNIT_LOOPBACK_H
#define TESTS_UNIT_LOOPBACK_H

#include "shm/layout.h"

#include <stdbool.h>

/* Both ends. */
struct loopback {
	int ours, peer; /* blocking */
	struct shm_endpoint local, remote;
};

/* Once is enough; the namespace is that of all the program's tests. */
void loopback_enter(void);
/* Of TIME_WAIT without time stamps the kernel knows no way to be used again. */
void loopback_set_timestamps(bool on);

/* 127.0.0.`number`, or ::1 */
struct shm_endpoint loopback_address(unsigned family, uint8_t number, uint16_t port);
int loopback_listen(struct shm_endpoint *endpoint, int backlog);
/* From 127.0.0.1 to 127.0.0.2, or within ::1.  active: we have opened it. */
struct loopback loopback_connect(unsigned family, bool active);
/* Nothing that comes is taken any more, or as before. */
void loopback_deafen(int fd);
void loopback_hear(int fd);

/* As /proc/net/tcp numbers the states; 0: there is none between the two. */
unsigned loopback_state(const struct shm_endpoint *local, const struct shm_endpoint *remote);
/* Waits until it is that. */
void loopback_expect_state(
    const struct shm_endpoint *local, const struct shm_endpoint *remote, unsigned state);

/* One octet passes; the other end has its end, or is reset. */
void loopback_expect_passes(int from, int to);
void loopback_expect_end(int fd);
void loopback_expect_reset(int fd);

#endif
