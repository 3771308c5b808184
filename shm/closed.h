/*
 * closed -- the last 4,096 sessions that have ended, with their trails
 *
 * Written by the worker that ends a session, from any worker (the ticket is taken atomically);
 * read by the manager for `show conn closed`.  A half-written entry (its writer died) has an odd
 * sequence and is passed over.
 */
#ifndef SHM_CLOSED_H
#define SHM_CLOSED_H

#include "shm/layout.h"
#include "shm/trail.h"

#include <stdbool.h>

#define CLOSED_ENTRIES 4096u

/* CLOSE_REASON(name, text in 302014) */
#define CLOSE_REASONS(X)                                                                           \
	X(NONE, "")                                                                                \
	X(FINS, "TCP FINs")                                                                        \
	X(RESET_CLIENT, "TCP Reset-O")                                                             \
	X(RESET_SERVER, "TCP Reset-I")                                                             \
	X(CONNECT_FAILED, "Server connection failed")                                              \
	X(TIMEOUT, "Conn-timeout")                                                                 \
	X(INSPECTION, "Flow closed by inspection")                                                 \
	X(ADMINISTRATOR, "Administrator cleared")                                                  \
	X(SHUTDOWN, "Gateway shutdown")                                                            \
	X(SHORTAGE, "Gateway short of memory")                                                     \
	X(POISONED, "Session poisoned")                                                            \
	X(INVALID_RECORD, "Session state invalid")                                                 \
	X(LOST, "Supervisor and worker died")

enum close_reason {
#define X(name, text) CLOSE_##name,
	CLOSE_REASONS(X)
#undef X
	    CLOSE_REASON_COUNT
};

struct closed_entry {
	_Atomic uint64_t sequence; /* 2 * ticket + 1 while written, 2 * ticket + 2 when complete */
	uint64_t session_id;
	uint64_t opened_us;
	uint64_t closed_us;
	uint64_t bytes[SHM_LEGS];
	uint32_t messages;
	uint32_t commands;
	uint32_t replies;
	uint32_t rule;
	uint16_t reason; /* enum close_reason */
	uint8_t reserved[6];
	struct shm_endpoint client;
	struct shm_endpoint server;
	struct trail trail;
};

struct closed_ring {
	_Atomic uint64_t tickets;
	uint8_t reserved[56];
	struct closed_entry entry[CLOSED_ENTRIES];
};

void closed_add(struct closed_ring *ring, const struct closed_entry *entry);
/* Entry of ticket `ticket` (0-based); false when it is gone, torn or not there yet. */
bool closed_read(const struct closed_ring *ring, uint64_t ticket, struct closed_entry *ret_entry);
uint64_t closed_tickets(const struct closed_ring *ring);
const char *closed_reason_text(unsigned reason);

#endif
