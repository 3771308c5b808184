/*
 * state -- what the core remembers of one session
 *
 * Flat and pointer-free: inspect_save() copies it, inspect_load() checks every member.  Private to
 * worker/inspect; the caller sees only its size.  All but `extra` is saved for each session.
 */
#ifndef INSPECT_STATE_H
#define INSPECT_STATE_H

#include "worker/inspect/inspect.h"

#define STATE_MAGIC    0x54534753u /* "SGST" */
#define STATE_VERSION  4u
#define LEDGER_ENTRIES 48u
#define SENDER_MAX     128u

#define CONTENT_BOUNDARIES   64u   /* of multiparts that are told apart in one message */
#define CONTENT_BOUNDARY_MAX 998u  /* octets that count; RFC 2046 5.1.1 allows 70 */
#define CONTENT_FIELD_MAX    7168u /* of a header field that is read as a whole */

enum inspect_phase {
	PHASE_GREETING,	   /* the server has not greeted */
	PHASE_COMMAND,	   /* commands, no transaction */
	PHASE_TRANSACTION, /* the server has accepted MAIL */
	PHASE_AUTH,	   /* the server has said 334: the client's next line is no command */
	PHASE_CONTENT,	   /* the server has said 354 */
	PHASE_CHUNK,	   /* within the octets of a BDAT chunk */
	PHASE_FINAL_REPLY, /* the end of data was forwarded */
	PHASE_DRAIN,	   /* content is dropped up to its end; the server leg is ended */
	PHASE_REFUSED,	   /* content was refused: 421 to whatever comes but QUIT */
	PHASE_OPAQUE,	   /* bytes pass as they are */
	PHASE_ENDED,	   /* both legs are ended */
	PHASE_COUNT,
};

enum state_flag {
	STATE_ENHANCED = 1 << 0,   /* the client was shown ENHANCEDSTATUSCODES */
	STATE_OPAQUE = 1 << 1,	   /* set once, never taken back */
	STATE_TLS_FRESH = 1 << 2,  /* 220 to STARTTLS was given, the client has not spoken yet */
	STATE_SKIP = 1 << 3,	   /* within a command line that is too long */
	STATE_SKIP_AUTH = 1 << 4,  /* ... of an AUTH exchange */
	STATE_EARLY = 1 << 5,	   /* bytes wait behind DATA */
	STATE_CLIENT_END = 1 << 6, /* the client's FIN was taken */
	STATE_SMTPUTF8 = 1 << 7,   /* MAIL of this transaction asked for it */
	STATE_CLOSING = 1 << 8, /* nothing more is read from the client: a 421 is in the ledger */
	STATE_AUTHENTICATED = 1 << 9,
	STATE_BINARY = 1 << 10,	     /* BODY=BINARYMIME in this transaction */
	STATE_BDAT_FAILED = 1 << 11, /* a chunk was refused: RSET or a new MAIL must come first */
	STATE_SIZE_SAID = 1 << 12,   /* MAIL declared a size */
	STATE_CHUNKED = 1 << 13,     /* a chunk came in this transaction: no DATA any more */
	STATE_TORN = 1 << 14,	 /* the last line ended with LF alone: this one is a part of it */
	STATE_SKIP_CR = 1 << 15, /* the last octet of the line that is too long was CR */
	STATE_FLAGS_ALL = (1 << 16) - 1,
};

enum state_mail {
	MAIL_NONE,
	MAIL_SENT,     /* forwarded, not answered */
	MAIL_ACCEPTED, /* 2yz */
	MAIL_UNKNOWN,  /* the server has refused to clear it: it knows, we do not */
	MAIL_STATES,
};

enum state_hold {
	HOLD_NONE,
	HOLD_HEADER, /* output toward the server is held until the header was judged */
	HOLD_WHOLE,  /* ... until the whole chunk was */
	HOLD_STATES,
};

/* What becomes of the octets of the chunk under way. */
enum state_chunk {
	CHUNK_NONE,    /* there is none */
	CHUNK_HELD,    /* it and its command are held: the server knows nothing of it yet */
	CHUNK_FORWARD, /* announced to the server */
	CHUNK_SWALLOW, /* nothing of it goes to the server */
	CHUNK_WASTE,   /* goes to the server only because it was announced: RSET follows */
	CHUNK_STATES,
};

/* How the chunk under way was announced. */
enum state_last {
	LAST_NO,
	LAST_VERBATIM, /* as the last, by the client's own command */
	LAST_FOLLOWS,  /* as one of many: "BDAT 0 LAST" is the gateway's to add */
	LAST_STATES,
};

/* Where the next octet of content stands, for the rules (content.h). */
enum content_part {
	CONTENT_HEADER, /* the message's header block */
	CONTENT_BODY,
	CONTENT_PART_HEADER, /* the header of a MIME part */
	CONTENT_PARTS,
};

/* Where the next byte of content stands. */
enum body_at {
	BODY_LINE,	/* behind a legal CRLF, or at the very start */
	BODY_SOFT_LINE, /* behind a line end that the gateway has made */
	BODY_INSIDE,
	BODY_AT_COUNT,
};

struct ledger_entry {
	uint8_t verb;  /* enum inspect_verb, or one of enum ledger_verb */
	uint8_t flags; /* enum ledger_flag */
	uint8_t reply; /* enum own_reply, if the gateway answers */
	uint8_t rule;  /* ordinal of the rule in whose name it does, from 1; 0 none */
};

enum content_flag {
	CONTENT_FIELD = 1 << 0,	   /* extra.field takes a header field */
	CONTENT_DASHES = 1 << 1,   /* extra.field takes a line that may be a boundary */
	CONTENT_CR_FIRST = 1 << 2, /* the line under way began with CR */
	CONTENT_CR_LAST = 1 << 3,  /* the last octet was CR */
	CONTENT_MESSAGE = 1 << 4,  /* the part is a message itself: a header follows its header */
	CONTENT_FLAGS_ALL = (1 << 5) - 1,
};

struct content_boundary {
	uint32_t hash;
	uint16_t length;
	uint8_t digest; /* parts of this multipart are messages (RFC 2046 5.1.5) */
	uint8_t spare;
};

/* What is kept only while a message needs it: saved apart (inspect_save_extra()). */
struct content_extra {
	uint16_t field_length; /* octets held of the field under way, unfolded */
	uint8_t boundaries;
	uint8_t field_shrunk; /* something of it was left out */
	uint32_t field_lost;  /* octets of it that had no room and may be anything, and one */
	struct content_boundary boundary[CONTENT_BOUNDARIES]; /* by length */
	uint8_t field[CONTENT_FIELD_MAX];
};

struct inspect {
	uint32_t magic;
	uint16_t version;
	uint16_t size;
	uint64_t deadline_ms;  /* 0: none */
	uint64_t shown;	       /* bit = extension that the client was shown */
	uint64_t content_size; /* octets of content, the end of data not counted */
	uint64_t drained;      /* octets dropped in PHASE_DRAIN */
	uint32_t flags;	       /* enum state_flag */
	uint32_t errors;       /* refused commands */
	uint32_t recipients;   /* accepted in this transaction */
	uint32_t bare_lf;      /* in this content */
	uint32_t bare_cr;
	uint32_t nuls;
	uint32_t rule;		   /* that has refused last: ordinal from 1; 0 none */
	uint64_t declared_size;	   /* SIZE= of MAIL */
	uint64_t began_ms;	   /* when the content under way began; 0 not yet (pace.h) */
	uint64_t rested_ms;	   /* since when its time does not run; 0 it does */
	uint64_t greeting_ms;	   /* until then the greeting is held back; 0 not at all */
	uint64_t untimely;	   /* bit = enum untimely (pipelining.c) that was told */
	uint64_t chunk_left;	   /* octets of the chunk under way that have not come */
	uint64_t rules_told;	   /* bit = rule whose event was given for this message */
	uint32_t recipients_asked; /* RCPT commands of this transaction */
	uint32_t junk;		   /* commands since mail was last brought on */
	uint32_t auth_failures;
	uint32_t skipped;	/* octets of the line that is too long */
	uint32_t held;		/* octets of output toward the server that are held back */
	uint32_t column;	/* content octets of the line under way, without its end */
	uint32_t line_judged;	/* length of the line under way at which a rule was asked last */
	uint32_t longest;	/* of the lines of this part of the content, for `match not` */
	uint32_t content_flags; /* enum content_flag */
	uint32_t name_length;	/* of the longest file name that this part may have */
	uint8_t hold;		/* enum state_hold */
	uint8_t hold_kind;	/* kind of the last edit that is held */
	uint8_t hold_words;
	uint8_t chunk;	      /* enum state_chunk */
	uint8_t chunk_last;   /* enum state_last */
	uint8_t content_part; /* enum content_part */
	uint8_t drain_rule;   /* ordinal of the rule for which content is refused; 0 none */
	uint8_t spare0;
	uint8_t mode;	/* enum inspect_mode */
	uint8_t phase;	/* enum inspect_phase */
	uint8_t reason; /* enum inspect_reason */
	uint8_t mail;	/* enum state_mail */
	uint8_t sync; /* verb that must be answered before the client is read on; LEDGER_NOTHING */
	uint8_t body; /* enum body_at */
	uint8_t drain_reply; /* enum own_reply given at the end of the drained content, or none */
	uint8_t ending[INSPECT_LEGS]; /* enum inspect_ending */
	uint8_t ledger_first;
	uint8_t ledger_count;
	uint8_t sender_length;
	struct ledger_entry ledger[LEDGER_ENTRIES];
	char sender[SENDER_MAX];
	struct content_extra extra; /* last: the first part ends where this begins */
};

#endif
