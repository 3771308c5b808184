/*
 * inspect -- the SMTP inspection core: bytes in, edits out
 *
 * Pure: no I/O, no heap, no clock, no globals.  The same bytes in the same order of directions
 * give the same output however they are cut, and wherever the state is saved, loaded and
 * continued.  No input makes it assert, loop or exceed its bounds.
 *
 * Contract of inspect_step()
 *   The caller offers the not yet consumed bytes of one direction (contiguous; at least
 *   INSPECT_LOOKAHEAD of them if that many have arrived) or a signal.  The core answers how many
 *   it has consumed and what becomes of them: edits in stream order.  For each direction the sum
 *   of KEEP and DROP lengths is exactly `consumed`; KEEP sends the bytes on to the other leg,
 *   DROP does not, INSERT writes text of output->text to the leg named.
 *   A partial line in command or reply state is not consumed: the caller offers it again with
 *   more behind it.  A line longer than its limit is consumed (dropped) as it comes, and answered.
 *   `consumed` may be less than offered also because the core waits for the other direction (the
 *   ledger is full, a sync point) or because the edit room was used up: the caller calls again
 *   (a) at once for the same direction as long as it made progress (consumed > 0 or edits > 0),
 *   (b) for the other direction whenever this direction made progress.
 *   The state may change although nothing is consumed (what waits behind DATA is remembered): it is
 *   kept all the same.
 *   The caller calls only with at least INSPECT_EDITS_MIN of room for each leg.
 *   Output toward the server may be held: the last output->held octets that the core has given to
 *   that leg, over all steps, are committed like any other but must not leave yet.  A later step
 *   says another number (0: all may leave), or takes them back by REVOKE, which always names all
 *   that are held at that place of the edits.
 *   The end of a direction is offered with `end` set once all its bytes are in `bytes`; it counts
 *   as taken when output->end_taken is set.
 *
 * After `ending[leg]` was set for a leg nothing more is ever sent to it.  When both are set
 * the session is over and the core is not called again.
 *
 * State moves on the server's replies, never on the client's commands (CVE-2000-1022).
 */
#ifndef INSPECT_H
#define INSPECT_H

#include "worker/inspect/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INSPECT_STATE_SIZE  16384u /* inspect_size() is at most this */
#define INSPECT_SAVED_SIZE  576u   /* what inspect_save() writes is at most this */
#define INSPECT_EXTRA_SIZE  12288u /* ... and inspect_save_extra() */
#define INSPECT_LOOKAHEAD   16384u /* no partial line or partial reply is longer than this */
#define INSPECT_EDITS_MAX   24u
#define INSPECT_EDITS_MIN   6u
#define INSPECT_TEXT_MAX    16384u
#define INSPECT_EVENTS_MAX  52u /* one of every rule, and what else a step has to say */
#define INSPECT_NOTES_MAX   8u
#define INSPECT_EVENT_TEXTS 3u
#define INSPECT_HITS_MAX    48u /* every rule of a policy */

enum inspect_leg { INSPECT_CLIENT = 0, INSPECT_SERVER = 1, INSPECT_LEGS = 2 };

enum inspect_signal {
	INSPECT_BYTES,	       /* bytes (and perhaps the end) of input->from */
	INSPECT_TIMER,	       /* output->deadline_ms of an earlier step has passed */
	INSPECT_SERVER_FAILED, /* the server leg could not be opened: 421 4.4.1 */
	INSPECT_RESET,	       /* leg input->from was reset by its peer */
	INSPECT_SHUTDOWN,      /* the gateway stops: 421 4.3.2 */
	INSPECT_CLEAR,	       /* an administrator ends the session: 421 4.3.2 */
	INSPECT_SHORTAGE,      /* memory is short and this session has stood still: 421 4.3.2 */
	INSPECT_POISONED,      /* not for the core: never passed */
};

/* How content is looked through; all give the same result. */
enum inspect_scan { INSPECT_SCAN_PORTABLE, INSPECT_SCAN_SSE2, INSPECT_SCAN_AVX2, INSPECT_SCANS };

struct inspect_input {
	enum inspect_signal signal;
	enum inspect_leg from;
	enum inspect_scan scan; /* what this CPU can: inspect_scan_best() */
	const uint8_t *bytes;
	size_t length;
	bool end; /* the peer's FIN follows these bytes */
	uint64_t now_ms;
	unsigned room[INSPECT_LEGS]; /* edits that may be added toward each leg */
};

enum inspect_edit_kind {
	INSPECT_KEEP = 1,
	INSPECT_DROP = 2,
	INSPECT_INSERT = 3,
	INSPECT_REVOKE = 4, /* the last `length` octets given to leg `to` never leave: all held */
};

struct inspect_edit {
	uint8_t kind; /* enum inspect_edit_kind */
	uint8_t to;   /* leg; KEEP and DROP: always the other one than the input's */
	uint32_t length;
	uint32_t text; /* INSERT: offset in output->text */
};

enum inspect_ending {
	INSPECT_OPEN,
	INSPECT_FIN,   /* after all output, FIN */
	INSPECT_ABORT, /* RST; unsent output is given up */
};

/* An event: an id of the catalogue and its fields. Texts point into output->text. */
struct inspect_event {
	uint32_t id;
	uint32_t rule;
	uint32_t code;
	uint32_t text_offset[INSPECT_EVENT_TEXTS];
	uint16_t text_length[INSPECT_EVENT_TEXTS];
	uint64_t number[4];
};

/* A line for the session's trail; text in output->text, printable, without credentials. */
struct inspect_note {
	uint8_t who; /* 0 gateway, 1 client, 2 server */
	uint16_t code;
	uint16_t length;
	uint32_t text;
};

/* Why the session ends; same order as the ending reasons of shm/closed.h that a core can give. */
enum inspect_reason {
	INSPECT_REASON_NONE,
	INSPECT_REASON_FINS,
	INSPECT_REASON_RESET_CLIENT,
	INSPECT_REASON_RESET_SERVER,
	INSPECT_REASON_CONNECT_FAILED,
	INSPECT_REASON_TIMEOUT,
	INSPECT_REASON_INSPECTION,
	INSPECT_REASON_ADMINISTRATOR,
	INSPECT_REASON_SHUTDOWN,
	INSPECT_REASON_SHORTAGE,
};

/* What happened in this step, for the counters. */
struct inspect_tally {
	uint16_t commands;
	uint16_t replies;
	uint16_t messages; /* ends of data answered by the server */
	uint16_t messages_accepted;
	uint16_t refusals; /* replies the core gave itself */
	uint16_t banners_masked;
	uint16_t ehlo_removed;
	uint16_t drops;	 /* sessions that inspection has ended ... */
	uint16_t resets; /* ... by RST to both: one or the other */
	uint16_t tls_started;
	uint16_t timeouts;
	uint16_t early_talkers;
	uint16_t pipelining; /* violations, each kind once for a session */
};

/* A rule of the policy has held. */
struct inspect_hit {
	uint8_t rule; /* index in policy->rule */
	uint32_t times;
};

struct inspect_output {
	size_t consumed;
	bool end_taken;
	bool opaque; /* from now on bytes pass as they are (both directions) */
	bool secret; /* the input consumed or waiting may hold credentials */
	uint8_t phase;
	uint8_t reason;
	uint32_t rule; /* that has refused last: its ordinal in the map, from 1; 0 none */
	uint32_t held; /* octets at the end of the server's output that must not leave yet */
	uint8_t ending[INSPECT_LEGS]; /* enum inspect_ending; set once, repeated ever after */
	uint64_t deadline_ms;	      /* absolute, in the caller's time; 0 none */
	unsigned edit_count;
	unsigned event_count;
	unsigned note_count;
	unsigned hit_count;
	struct inspect_hit hits[INSPECT_HITS_MAX];
	struct inspect_edit edits[INSPECT_EDITS_MAX];
	struct inspect_event events[INSPECT_EVENTS_MAX];
	struct inspect_note notes[INSPECT_NOTES_MAX];
	struct inspect_tally tally;
	uint32_t text_length;
	char text[INSPECT_TEXT_MAX];
};

enum inspect_mode { INSPECT_MODE_INSPECT, INSPECT_MODE_RELAY, INSPECT_MODE_RAW };

struct inspect;

size_t inspect_size(void); /* bytes the caller provides, 8-byte aligned; <= INSPECT_STATE_SIZE */
void inspect_init(struct inspect *state, const struct inspect_policy *policy,
    enum inspect_mode mode, uint64_t now_ms);
void inspect_step(struct inspect *state, const struct inspect_policy *policy,
    const struct inspect_input *input, struct inspect_output *output);

/* The best that this CPU can. */
enum inspect_scan inspect_scan_best(void);

/* A state is saved in two parts: one that each session has, and what only a message with a header
 * field or a MIME structure under way needs.  Versioned; returns the length, 0 if it does not fit. */
size_t inspect_save(const struct inspect *state, uint8_t *buffer, size_t size);
/* Returns the length; 0: there is nothing beyond the first part, or it does not fit, which
 * INSPECT_EXTRA_SIZE always does. */
size_t inspect_save_extra(const struct inspect *state, uint8_t *buffer, size_t size);
/* Validates everything; false leaves *state unusable and the session must be ended. */
bool inspect_load(struct inspect *state, const uint8_t *buffer, size_t length, const uint8_t *extra,
    size_t extra_length);

const char *inspect_phase_name(unsigned phase);

/* The text of the 421 that ends a session which the core may not step any more; NULL when the
 * saved state cannot take a reply now (opaque, or in the middle of one): then it is reset. */
const char *inspect_last_words(const uint8_t *saved, size_t length);

#endif
