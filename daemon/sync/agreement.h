/*
 * agreement -- what two hosts make of each other's Hello
 *
 * Both hosts come to the same result: the same versions, or the same refusal.  Pure.
 */
#ifndef DAEMON_SYNC_AGREEMENT_H
#define DAEMON_SYNC_AGREEMENT_H

#include "proto/sync_reason.h"
#include "proto/sync_types.h"

enum agreed_part {
	AGREED_IDLE, /* nobody is active: heartbeats only */
	AGREED_SEND,
	AGREED_RECEIVE,
};

struct agreement {
	uint32_t version; /* the newest that both know */
	uint32_t record;
	uint64_t features; /* that both have */
	enum agreed_part part;
};

enum sync_reason agreement_make(
    const struct sync_hello *own, const struct sync_hello *peer, struct agreement *ret_agreement);

/* A refusal for which what the other host says of its role counts for nothing. */
bool agreement_is_stranger(enum sync_reason reason);

/* Whether a host of that role lets sessions go on: ACTIVE or DEGRADED. */
bool agreement_role_is_active(uint32_t role);

#endif
