/*
 * takeover_view -- the last takeover of this host: what has led to it, and how it went
 *
 * One in control.  Sync writes the cause when it asks for the sessions, the supervisor all else; the two belong
 * together if they name the same epoch.  Both outlive their writers, not the host.  All moments are
 * CLOCK_MONOTONIC in microseconds; 0: it did not come to it.  The epoch is saved while the
 * connections are being made; the door opens when both are done.
 *
 * Without a takeover it stays zero.  libc only.
 */
#ifndef SHM_TAKEOVER_VIEW_H
#define SHM_TAKEOVER_VIEW_H

#include "shm/layout.h"

#include <stdbool.h>

struct takeover_cause {
	uint64_t epoch;
	uint64_t asked_us; /* keepalived's word was read, or an operator's */
	uint64_t saved_us; /* the epoch is on the disk */
	uint32_t reason;   /* enum role_reason */
	uint32_t reserved;
};

struct takeover_status {
	uint64_t epoch;
	uint64_t at_us;	      /* CLOCK_REALTIME of its begin */
	uint64_t begun_us;    /* the supervisor was asked for the sessions */
	uint64_t restored_us; /* all connections stand */
	uint64_t opened_us;   /* the door was opened */
	uint64_t probed_us;   /* all peers were asked, and most sessions are with the workers */
	uint64_t done_us;     /* all are */
	uint32_t sessions;    /* that the other host had */
	uint32_t lost;	      /* of them */
	uint32_t embryos;     /* connections of clients that had no session yet */
	uint32_t ahead;	      /* legs of sessions that were made before */
};

struct takeover_view {
	_Atomic uint64_t cause_sequence; /* shm/whole.h */
	struct takeover_cause cause;
	/* The epoch whose connections lie on shelves too (takeover_shelf.h in the supervisor); 0: none. */
	_Atomic uint64_t shelved;
	uint8_t reserved_1[16];
	_Atomic uint64_t sequence;
	struct takeover_status status;
	_Atomic uint32_t ahead; /* legs of sessions that are made for the next one */
	uint8_t reserved_2[44];
};
_Static_assert(sizeof(struct takeover_view) % SHM_CACHE_LINE == 0, "whole lines");

/* Sync. */
void takeover_view_publish_cause(struct takeover_view *view, const struct takeover_cause *cause);
/* Supervisor. */
void takeover_view_publish(struct takeover_view *view, const struct takeover_status *status);
void takeover_view_set_ahead(struct takeover_view *view, uint32_t legs);
void takeover_view_set_shelved(struct takeover_view *view, uint64_t epoch);
uint64_t takeover_view_shelved(const struct takeover_view *view);

uint32_t takeover_view_ahead(const struct takeover_view *view);

/* False: there was no takeover, or its writer died within; what is read is zero then.  A cause that is not known, or
 * that of another takeover, is zero too. */
bool takeover_view_read(const struct takeover_view *view, struct takeover_status *ret_status,
    struct takeover_cause *ret_cause);

#endif
