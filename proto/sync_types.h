/*
 * sync_types -- what the two hosts of a pair say to each other, as C has it
 *
 * Encoders take these, decoders fill them; proto/sync.proto says what each is for.  Numbers are as
 * wide as on the wire, so that a check sees what was sent.  Pointers lie in the decoder (or are the
 * caller's when encoding); strings are never NULL.  Positions are stream positions as in shm/record.h,
 * times gateway time in milliseconds unless said otherwise.
 */
#ifndef PROTO_SYNC_TYPES_H
#define PROTO_SYNC_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYNC_NAME_MAX	    63u
#define SYNC_CLASS_NAME_MAX 43u
#define SYNC_SAVED_MAX	    31u
#define SYNC_SLOTS_MAX	    1048575u /* slot + 1 fits in the mark of a packet */
#define SYNC_CHUNKS_MAX	    (1u << 26)
#define SYNC_LSN_MAX	    (UINT64_C(1) << 62)
#define SYNC_POSITION_MAX   (UINT64_C(1) << 62)
#define SYNC_VERSION_MAX    65535u

#define SYNC_LEGS	     2u
#define SYNC_RECORD_MAX	     4096u
#define SYNC_EXTRA_MAX	     32768u
#define SYNC_PIECE_MAX	     65536u
#define SYNC_PIECES_MAX	     16u
#define SYNC_TRIMS_MAX	     4u
#define SYNC_COUNTERS_MAX    256u
#define SYNC_TEXT_MAX	     (1u << 20)
#define SYNC_TEXT_PART_MAX   65536u
#define SYNC_GENERATION_SIZE 32u
#define SYNC_WHY_MAX	     127u
#define SYNC_TIME_MAX	     (UINT64_C(1) << 48) /* of a gateway's clock, ms */
#define SYNC_LEFT_MAX	     (65535u * UINT64_C(60000))
#define SYNC_COMPILED_MAX    8u
#define SYNC_MARKS_MAX	     255u
#define SYNC_NO_SCALE	     255u /* of an embryo: it has none */
#define SYNC_EMBRYO_OPTIONS  3u	  /* all that there are */
#define SYNC_STATE_MAX	     31u

#define SYNC_ENTRY_MAX	       262144u /* bytes of one encoded entry */
#define SYNC_BATCH_ENTRIES_MAX 256u
#define SYNC_BATCH_BYTES_MAX   SYNC_ENTRY_MAX /* of a batch's entries together */
#define SYNC_MESSAGE_MAX       (SYNC_BATCH_BYTES_MAX + 4096u)

enum sync_role {
	SYNC_ROLE_ACTIVE = 1,
	SYNC_ROLE_STANDBY = 2,
	SYNC_ROLE_DEGRADED = 3,
	SYNC_ROLE_FAULT = 4,
};

enum sync_commit { SYNC_COMMIT_DEGRADE = 1, SYNC_COMMIT_STRICT = 2 };

enum sync_saying {
	SYNC_SAYING_STATE = 1,
	SYNC_SAYING_FREEZE,
	SYNC_SAYING_FROZEN,
	SYNC_SAYING_SYNCED,
};

enum sync_window { SYNC_INPUT = 0, SYNC_OWN_TEXT = 1, SYNC_WINDOWS };
enum sync_text_kind {
	SYNC_TEXT_RUNNING = 1,
	SYNC_TEXT_STARTUP = 2,
	SYNC_TEXT_CANDIDATE = 3,
	SYNC_TEXT_CONFIRM = 4,
	SYNC_TEXT_POLICIES = 5,
	SYNC_TEXT_KINDS /* behind the last */
};

struct sync_bytes {
	const uint8_t *data; /* may be NULL when length is 0 */
	size_t length;
};

struct sync_address {
	struct sync_bytes bytes; /* none, 4 or 16 */
	uint32_t port;
};

struct sync_hello {
	uint32_t version_oldest, version_newest;
	uint32_t record_oldest, record_newest;
	uint64_t features;
	const char *node;
	const char *peer;
	uint64_t epoch;
	uint32_t role; /* enum sync_role */
	uint64_t history;
	uint64_t lsn;
	uint32_t abi_major, abi_minor;
	uint32_t slots, chunks;
	uint32_t state;	 /* enum role_state, or one of a later version */
	uint32_t side;	 /* 0 or 1 */
	uint32_t commit; /* enum sync_commit */
};

struct sync_start {
	uint64_t epoch;
	uint64_t history;
	uint64_t first;
	bool snapshot;
};

struct sync_batch {
	uint64_t epoch;
	uint64_t first;
	uint32_t entries;
	const struct sync_bytes *entry; /* encoded: sync_entry_encode.h */
};

struct sync_ack {
	uint64_t epoch;
	uint64_t history;
	uint64_t lsn;
	uint32_t compiled;
	const struct sync_bytes *generation;
	struct sync_bytes refused; /* length 0: none */
	const char *reason;	   /* why; NULL is "" */
};

struct sync_heartbeat {
	uint64_t epoch;
	uint32_t role; /* enum sync_role */
	bool synced;
	uint64_t gateway_ms;
	uint32_t tcp_clock;
	uint64_t lsn;
	uint64_t sent; /* the sender's own clock */
	uint64_t echo; /* the other's */
};

struct sync_word {
	uint32_t saying; /* enum sync_saying */
	uint64_t epoch;
	uint32_t state; /* as in sync_hello */
};

struct sync_refusal {
	uint32_t reason; /* enum sync_reason, or one of a later version */
	uint64_t epoch;
};

/* Also the type of the frame. */
enum sync_kind {
	SYNC_HELLO = 1,
	SYNC_START,
	SYNC_BATCH,
	SYNC_ACK,
	SYNC_HEARTBEAT,
	SYNC_REFUSAL,
	SYNC_WORD,
};

struct sync_message {
	enum sync_kind kind;
	union {
		struct sync_hello hello;
		struct sync_start start;
		struct sync_batch batch;
		struct sync_ack ack;
		struct sync_heartbeat heartbeat;
		struct sync_refusal refusal;
		struct sync_word word;
	};
};

struct sync_identity {
	uint64_t session_id;
	uint64_t opened_ms;
	uint64_t opened_us; /* real time */
	uint64_t policy;
	uint32_t mode; /* enum slot_mode */
	const char *class_name;
	struct sync_address source;
};

struct sync_tcp {
	uint32_t receive_sequence, send_sequence;
	uint32_t timestamp;
	uint32_t send_window, max_window, receive_window;
	uint32_t rtt_us;
	uint32_t mss;
	uint32_t send_scale, receive_scale;
	uint32_t options;
	uint64_t dumped_ms;
};

struct sync_leg {
	uint32_t leg;	/* enum shm_leg */
	uint32_t state; /* enum leg_state */
	uint32_t error;
	struct sync_address local, peer;
	uint64_t base_received, base_written;
	bool dumped; /* false: tcp says nothing */
	struct sync_tcp tcp;
};

struct sync_piece {
	uint32_t leg;
	uint32_t window; /* enum sync_window */
	uint64_t position;
	struct sync_bytes content;
};

struct sync_trim {
	uint32_t leg;
	uint32_t window;
	uint64_t position;
};

struct sync_session {
	uint32_t slot;
	uint32_t generation;
	bool whole;
	bool secret;
	const struct sync_identity *identity; /* NULL: as before */
	uint32_t legs;
	const struct sync_leg *leg;
	uint64_t sequence; /* 0: no record in this entry */
	struct sync_bytes record;
	struct sync_bytes extra;
	uint32_t pieces;
	const struct sync_piece *piece;
	uint32_t trims;
	const struct sync_trim *trim;
};

struct sync_ended {
	uint32_t slot;
	uint32_t generation;
};

struct sync_counter {
	const char *name;
	uint64_t value;
};

struct sync_counters {
	uint32_t counters;
	const struct sync_counter *counter;
};

struct sync_limit {
	const char *name;
	struct sync_bytes address;
	uint64_t value;
	uint64_t expires_ms;
};

struct sync_mark {
	uint32_t slot;
	uint32_t generation;
	uint32_t direction;
	uint64_t position;
	uint32_t marks;
};

struct sync_text {
	uint32_t kind; /* enum sync_text_kind */
	struct sync_bytes generation;
	uint32_t serial;
	const char *saved;
	const char *by;
	uint64_t expires_ms;
	uint32_t total, offset;
	struct sync_bytes part;
	uint64_t epoch;		/* in which it was saved */
	bool is_live;		/* running: not only a question */
	bool is_erased;		/* not running */
	struct sync_bytes base; /* candidate: a generation; else none */
	uint64_t left_ms;	/* confirm: until expires_ms */
};

struct sync_snapshot_end {
	uint32_t sessions;
};

struct sync_embryo {
	uint64_t number;
	struct sync_address local, peer;
	uint32_t send_next, receive_next;
	uint32_t timestamp, peer_timestamp;
	uint32_t segment_size;
	uint32_t window, window_scale;
	uint32_t options;
	uint64_t seen_ms;
};

enum sync_entry_kind {
	SYNC_ENTRY_SESSION = 1,
	SYNC_ENTRY_ENDED,
	SYNC_ENTRY_COUNTERS,
	SYNC_ENTRY_LIMIT,
	SYNC_ENTRY_MARK,
	SYNC_ENTRY_TEXT,
	SYNC_ENTRY_SNAPSHOT_END,
	SYNC_ENTRY_EMBRYO,
};

struct sync_entry {
	enum sync_entry_kind kind;
	union {
		struct sync_session session;
		struct sync_ended ended;
		struct sync_counters counters;
		struct sync_limit limit;
		struct sync_mark mark;
		struct sync_text text;
		struct sync_snapshot_end snapshot_end;
		struct sync_embryo embryo;
	};
};

#endif
