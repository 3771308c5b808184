/*
 * record -- all that is needed to carry a session on
 *
 * A record is flat, versioned and pointer-free.  The worker builds the next one in the buffer
 * that is not published (record_begin()), and commits it with one release store
 * (record_publish()).  Readers take record_read(), which copies and checks and never locks.
 *
 * Output.  What has been committed for a leg but perhaps not yet sent is its *outlet*: a short
 * list of words over two sources, the other leg's input and the gateway's own text.  A worker
 * compacts the outlet by what has been sent when it builds the next record; an adopter skips
 * (kernel's written position - outlet.written) bytes.  Nothing is copied: KEEP names the input's
 * bytes where they lie, INSERT the text window's.
 *
 * The inspection state is opaque here (worker/inspect knows it).
 */
#ifndef SHM_RECORD_H
#define SHM_RECORD_H

#include "shm/layout.h"

#include <stdbool.h>
#include <stddef.h>

/* Rises with each change of the record and of the inspection state's saved form.  A build reads its own
 * version and, if it says so (record_reads()), the one before; the fields up to `outlet` stay where
 * they are in every version.  Test builds only: programs that are some versions later. */
#ifndef SMTPGUARD_TEST_RECORD
#define SMTPGUARD_TEST_RECORD 0
#endif
#define RECORD_VERSION	    (3 + SMTPGUARD_TEST_RECORD)
#define RECORD_INSPECT_SIZE 576u
#define RECORD_EXTRA_SIZE   32768u /* one half of a chunk */
#define OUTLET_WORDS	    26u

enum outlet_kind {
	OUTLET_SKIP = 0, /* text that was taken back: passed over like DROP */
	OUTLET_KEEP = 1,
	OUTLET_DROP = 2,
	OUTLET_INSERT = 3,
};
#define OUTLET_LENGTH_MAX 0x3fffffffu

struct outlet {
	uint64_t written; /* position in this leg's output stream of the first word's first byte */
	uint64_t input;	  /* position in the other leg's input of the next KEEP or DROP */
	uint64_t text;	  /* position in this leg's text window of the next INSERT */
	uint32_t count;
	uint32_t word[OUTLET_WORDS]; /* (kind << 30) | length; length never 0 */
	/* The last so many bytes to be sent must not leave yet; none once the leg has an ending. */
	uint32_t held;
};

/* How a leg ends: committed before it is done, so that an adopter does the same. */
enum ending { ENDING_NONE, ENDING_FIN, ENDING_RESET, ENDING_SILENT };

enum record_flag {
	RECORD_OPAQUE = 1 << 0,	  /* after STARTTLS, or raw: bytes pass as they are */
	RECORD_SECRET = 1 << 1,	  /* what is held may be credentials: wipe, never keep */
	RECORD_DRAINING = 1 << 2, /* ended; what still arrives is discarded until the peer's FIN */
	RECORD_FINISHED = 1 << 3, /* nothing is left to do: the slot may be given back */
	RECORD_TO_END = 1 << 4,	  /* poisoned: the core is not called any more */
	RECORD_SPOKEN = 1 << 5, /* something of the client's goes on to the server: its first valid
				   * command was there */
};

struct record {
	uint64_t check;	   /* over everything that follows */
	uint64_t sequence; /* 1 for the first commit of a generation */
	uint32_t generation;
	uint16_t version;
	uint8_t flags;
	uint8_t phase;		     /* for `show conn`: enum inspect_phase */
	uint64_t position[SHM_LEGS]; /* input of leg L that the core has consumed */
	uint64_t stored[SHM_LEGS];   /* input committed; >= position, == standalone */
	uint64_t deadline_ms;	     /* gateway time; 0 none */
	uint8_t end_seen[SHM_LEGS];  /* enum ending: how leg L's input ended, as committed */
	uint8_t ending[SHM_LEGS];    /* enum ending: how leg L is to be ended, after its output */
	uint32_t messages;
	uint32_t commands;
	uint32_t replies;
	uint16_t close_reason; /* enum close_reason (shm/closed.h) */
	uint16_t inspect_length;
	uint32_t close_rule;
	struct outlet outlet[SHM_LEGS];
	_Alignas(8) uint8_t inspect[RECORD_INSPECT_SIZE];
	/* The inspection state's second part, in one half of the extension window's chunk; the worker
	 * writes the half that the published record does not name. */
	uint64_t extra_check;  /* over its bytes, as record_checksum() */
	uint32_t extra_length; /* 0: there is none */
	uint8_t extra_half;
	uint8_t end_stored
	    [SHM_LEGS]; /* 1: leg L's FIN follows `stored`, whether the core knows or not */
	uint8_t reserved[9];
};
_Static_assert(sizeof(struct record) == 960, "record is part of the ABI");

struct slot_session;

/* The other buffer, filled with the current record (zeroed before the first), sequence + 1. */
struct record *record_begin(struct slot_session *session, uint32_t generation);
/* Seals the check word and publishes. Law 2: nothing is done before this has returned. */
void record_publish(struct slot_session *session, struct record *record);

/* Any process: copies the published record, converted if it is of the version before; false when there
 * is none, when it does not hold
 * (check, version, generation, bounds, window arithmetic), or was overtaken eight times. */
bool record_read(
    const struct slot_session *session, uint32_t generation, struct record *ret_record);
bool record_check(const struct record *record, uint32_t generation);
/* A record that came from elsewhere, made one of this build's version if it is of the one before; false
 * when it is of neither, or does not hold. */
bool record_convert(struct record *record, uint32_t generation);
/* Of any version: only what comes before `outlet` may be used, and only check, generation and sequence
 * were looked at. */
bool record_read_any(
    const struct slot_session *session, uint32_t generation, struct record *ret_record);

uint16_t record_version(void);
/* record_read() takes that version, as this build's own. */
bool record_reads(uint16_t version);
/* Owner only: publishes the current record anew in this build's version, if it is of the one before
 * and holds. */
void record_renew(struct slot_session *session, uint32_t generation);

uint64_t record_checksum(const struct record *record);
/* The same arithmetic over any bytes: for what a record names but does not hold. */
uint64_t record_checksum_bytes(const void *bytes, size_t length);

/* Outlet arithmetic. */
bool outlet_push(
    struct outlet *outlet, enum outlet_kind kind, uint32_t length); /* merges; false: full */
uint64_t outlet_pending(const struct outlet *outlet);		    /* bytes still to be sent */
uint64_t outlet_sendable(const struct outlet *outlet);		    /* ... that may leave now */
/* The last `length` bytes to be sent never are: their sources are passed over.  False: not so
 * many, or no room for the word that this may add. */
bool outlet_revoke(struct outlet *outlet, uint32_t length);
uint64_t outlet_input_end(const struct outlet *outlet); /* input position after the last word */
uint64_t outlet_text_end(const struct outlet *outlet);
void outlet_advance(struct outlet *outlet, uint64_t sent); /* sent <= pending; eats leading DROPs */
/* Where input and text would stand after outlet_advance(). */
void outlet_sources(
    const struct outlet *outlet, uint64_t sent, uint64_t *ret_input, uint64_t *ret_text);

/* One piece ready to be sent: from the input (KEEP) or the text (INSERT) at `position`. */
struct outlet_piece {
	enum outlet_kind kind;
	uint64_t position;
	uint32_t length;
};
/* The pieces after skipping `skip` bytes of output; DROPs are passed over. Returns how many. */
size_t outlet_pieces(
    const struct outlet *outlet, uint64_t skip, struct outlet_piece *pieces, size_t most);

#endif
