/*
 * state -- what the core remembers of one session
 *
 * Flat and pointer-free: inspect_save() copies it, inspect_load() checks every member.  Private to
 * worker/inspect; the caller sees only its size.
 */
#ifndef INSPECT_STATE_H
#define INSPECT_STATE_H

#include "worker/inspect/inspect.h"

#define STATE_MAGIC    0x54534753u /* "SGST" */
#define STATE_VERSION  1u
#define LEDGER_ENTRIES 48u
#define SENDER_MAX     128u

enum inspect_phase {
	PHASE_GREETING,	   /* the server has not greeted */
	PHASE_COMMAND,	   /* commands, no transaction */
	PHASE_TRANSACTION, /* the server has accepted MAIL */
	PHASE_AUTH,	   /* the server has said 334: the client's next line is no command */
	PHASE_CONTENT,	   /* the server has said 354 */
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
	STATE_FLAGS_ALL = (1 << 9) - 1,
};

enum state_mail {
	MAIL_NONE,
	MAIL_SENT,     /* forwarded, not answered */
	MAIL_ACCEPTED, /* 2yz */
	MAIL_UNKNOWN,  /* the server has refused to clear it: it knows, we do not */
	MAIL_STATES,
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
	uint8_t spare;
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
	uint32_t rule;
	uint8_t mode;	/* enum inspect_mode */
	uint8_t phase;	/* enum inspect_phase */
	uint8_t reason; /* enum inspect_reason */
	uint8_t mail;	/* enum state_mail */
	uint8_t sync; /* verb that must be answered before the client is read on; LEDGER_NOTHING */
	uint8_t body; /* enum body_at */
	uint8_t drain_reply;	      /* enum own_reply given at the end of the drained content */
	uint8_t ending[INSPECT_LEGS]; /* enum inspect_ending */
	uint8_t ledger_first;
	uint8_t ledger_count;
	uint8_t sender_length;
	struct ledger_entry ledger[LEDGER_ENTRIES];
	char sender[SENDER_MAX];
};

#endif
