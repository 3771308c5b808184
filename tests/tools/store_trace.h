/*
 * store_trace -- when a standby has had what, written down by itself
 *
 * smtpguard-sync-traced is smtpguard-sync, but for this: after each entry of the log that its replica has
 * stored it appends to STORE_TRACE_FILE in its folder (RUNTIME_DIR/pair) what the memory holds then of
 * that session's connections.  It does so before the entry is acknowledged, so that of whatever leaves the
 * active because of that acknowledgement the file says so already.  The linker puts it in replica.h's place
 * (--wrap).
 */
#ifndef TESTS_TOOLS_STORE_TRACE_H
#define TESTS_TOOLS_STORE_TRACE_H

#include "shm/layout.h"

#define STORE_TRACE_FILE "trace"

enum store_trace_kind { STORE_TRACE_LEG, STORE_TRACE_EMBRYO };

struct store_trace {
	uint64_t when_ns; /* CLOCK_REALTIME, which stamps packets too; it was stored by then */
	uint64_t session_id;
	uint64_t stored;     /* the peer's octets that are held, from the first of the connection */
	uint64_t output_end; /* octets to the peer that are committed, likewise */
	struct shm_endpoint local, peer;
	uint8_t kind;	  /* enum store_trace_kind; an embryo has only addresses */
	uint8_t end_seen; /* enum ending: the peer's that the record knows */
	uint8_t ending;	  /* likewise, ours */
	uint8_t finished; /* nothing is left to do for the session */
	uint8_t reserved[4];
};
_Static_assert(sizeof(struct store_trace) == 80, "one process writes it, another reads it");

#endif
