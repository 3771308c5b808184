/*
 * supervisor_link -- the manager's requests to the supervisor
 *
 * One request at a time; the supervisor answers each at once and waits for nobody, so the manager
 * waits here, bounded.  Errors: 0 or -errno as the supervisor gave it; -ETIMEDOUT and -EPIPE: the
 * supervisor did not answer, and nobody knows whether the request was carried out; `lost` is set.
 */
#ifndef DAEMON_MANAGER_SUPERVISOR_LINK_H
#define DAEMON_MANAGER_SUPERVISOR_LINK_H

#include "shm/handover.h"

#include <stdbool.h>
#include <stdint.h>

#define SUPERVISOR_LINK_WAIT_MS 10000

struct supervisor_link {
	int socket;
	uint32_t number;
	bool lost;
};

int supervisor_link_ask(struct supervisor_link *link, enum request_kind kind,
    const uint64_t argument[4], uint32_t *ret_detail);

#endif
