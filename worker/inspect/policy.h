/*
 * policy -- a compiled policy, as the core reads it
 *
 * A position-independent image: no pointers, offsets only, never changed while in use.  Made by
 * daemon/policy, published in a policy slot (shm/policy_area.h), read by the core in every worker.
 * inspect_policy_check() must have accepted it before the core sees it.
 */
#ifndef INSPECT_POLICY_H
#define INSPECT_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INSPECT_POLICY_MAGIC   0x50474d53u /* "SMGP" */
#define INSPECT_POLICY_VERSION 2
#define INSPECT_HOSTNAME_MAX   64
#define INSPECT_BANNER_MAX     128
#define INSPECT_RULES_MAX      48
#define INSPECT_CRITERIA_MAX   32
#define INSPECT_REJECT_MAX     80 /* text of a reject action */

#define INSPECT_GREETING_DELAY_MAX                                                                 \
	60000u		       /* ms; a client waits for 5 minutes (RFC 5321 4.5.3.2.1) */
#define INSPECT_HOLD_MAX 65536 /* of header_hold: what a session can keep back */

#define INSPECT_EXTENSION_OTHERS (UINT64_C(1) << 63) /* in a rule's set: what is not known */

enum inspect_banner {
	INSPECT_BANNER_SERVER,	/* no mask-banner: the server's own */
	INSPECT_BANNER_NEUTRAL, /* "220 HOSTNAME ESMTP" */
	INSPECT_BANNER_TEXT,	/* mask-banner text "..." */
	INSPECT_BANNER_CLASSIC, /* mask-banner classic: asterisks */
};

enum inspect_line_endings {
	INSPECT_LINES_NORMALIZE, /* bare LF becomes CRLF, bare CR a space; never an end of data */
	INSPECT_LINES_REJECT,
};

enum inspect_nul { INSPECT_NUL_REJECT, INSPECT_NUL_SPACE };

/* Whose ways the policy imitates: for the compatibility maps only (compat.h). */
enum inspect_compat {
	INSPECT_COMPAT_NONE,
	INSPECT_COMPAT_ASA,
	INSPECT_COMPAT_FIXUP_5_1,
	INSPECT_COMPAT_FIXUP_4_4,
	INSPECT_COMPAT_MAILHOST_4_0,
	INSPECT_COMPATS,
};

/* What a rule does; which criterion takes which is said by criterion_table.def. */
enum inspect_action {
	INSPECT_ACTION_LOG, /* 108005, and nothing else */
	INSPECT_ACTION_MASK,
	INSPECT_ACTION_REJECT, /* a reply; the session goes on */
	INSPECT_ACTION_DROP,   /* drop-connection: a reply, and the session ends */
	INSPECT_ACTION_RESET,  /* RST to both */
	INSPECT_ACTIONS,
};

enum inspect_rule_flag {
	INSPECT_RULE_NOT = 1 << 0, /* match not */
	INSPECT_RULE_LOG = 1 << 1, /* 108004 beside the action */
};

/* One `match` line with its action, in the order of the map: the rule's index is its place. */
struct inspect_rule {
	uint8_t criterion; /* enum inspect_criterion (criterion_table.h) */
	uint8_t action;
	uint8_t flags;
	uint8_t text_length; /* REJECT: 0 = the gateway's own words */
	uint32_t limit;	     /* criteria of numbers: holds when the value is greater */
	uint64_t set;	     /* criteria of sets: bit = extension, INSPECT_EXTENSION_OTHERS */
	uint16_t code;	     /* REJECT: 4yz or 5yz; 0 = 554 */
	uint8_t enhanced_length;
	uint8_t reserved0[5];
	char enhanced[8]; /* REJECT: "5.6.1"; "": made from the code */
	char text[INSPECT_REJECT_MAX];
};

/* What of content a policy's rules need to be looked at; made by inspect_policy_finish(). */
enum inspect_need {
	INSPECT_NEED_HEADER = 1 << 0, /* lines of the header block */
	INSPECT_NEED_LINES = 1 << 1,  /* lengths of the body's lines */
	INSPECT_NEED_MIME = 1 << 2,   /* MIME fields and parts */
	INSPECT_NEED_HOLD = 1 << 3,   /* a rule may refuse: the header is held back */
};

enum inspect_policy_flag {
	INSPECT_ALLOW_TLS = 1 << 0,
	INSPECT_LOG_TLS = 1 << 1,
	INSPECT_MONITOR_ONLY = 1 << 2,
	INSPECT_LOG_EARLY = 1 << 3, /* who speaks before the greeting is not refused for it */
};

struct inspect_policy {
	uint32_t magic;
	uint16_t version;
	uint16_t reserved0;
	uint32_t size; /* of the whole image */
	uint32_t flags;
	uint8_t banner;	      /* enum inspect_banner */
	uint8_t line_endings; /* enum inspect_line_endings */
	uint8_t nul;	      /* enum inspect_nul */
	uint8_t reserved1;
	uint64_t verbs; /* bit = enum inspect_verb that may pass (command_table.h) */
	uint64_t
	    extensions; /* bit = enum inspect_extension that may be shown (extension_table.h) */
	uint32_t greeting_timeout_s;	/* waiting for the server's greeting */
	uint32_t command_timeout_s;	/* waiting for the client's next command */
	uint32_t reply_timeout_s;	/* waiting for the server's reply */
	uint32_t final_reply_timeout_s; /* waiting for the reply to the end of data */
	uint32_t data_timeout_s;	/* no content received */
	uint32_t opaque_timeout_s;	/* idle after STARTTLS or raw */
	uint32_t errors_max;		/* refused or unknown commands before 421; 0 = no limit */
	uint32_t junk_max;	    /* commands that bring no mail on, before 421; 0 = no limit */
	uint32_t auth_failures_max; /* 535 and its like before 421; 0 = no limit */
	uint32_t recipients_max;    /* of one message; more get 452; 0 = no limit */
	uint32_t data_rate_min;	    /* octets per second of content; 0 = none */
	uint32_t header_hold; /* octets of a header held back, at most INSPECT_HOLD_MAX; 0 = none */
	uint64_t message_size_max; /* octets; 0 = no limit */
	uint8_t compat;		   /* enum inspect_compat */
	uint8_t rules;
	uint16_t reserved4;
	uint32_t needs;				 /* enum inspect_need */
	uint64_t rules_of[INSPECT_CRITERIA_MAX]; /* bit = rule of that criterion */
	uint8_t hostname_length;
	uint8_t banner_length;
	uint8_t reserved2[2];
	char hostname[INSPECT_HOSTNAME_MAX];
	char banner_text[INSPECT_BANNER_MAX];
	uint32_t greeting_delay_ms; /* the greeting is held back so long; 0 = not at all */
	uint8_t reserved3[252];
	struct inspect_rule rule[INSPECT_RULES_MAX];
};

/* Our `_default_esmtp_map`: neutral banner, TLS allowed, no limit that breaks an RFC. */
void inspect_policy_default(struct inspect_policy *policy, const char *hostname, size_t length);
/* The same with the ways of an old system, whose rules replace the policy's own. */
void inspect_policy_compat(struct inspect_policy *policy, enum inspect_compat compat);
/* Fills what is made from the rules: `needs` and `rules_of`. */
void inspect_policy_finish(struct inspect_policy *policy);
/* Bounds and enumerations; false: the image must not be used. */
bool inspect_policy_check(const void *image, size_t size);

/* Names for the configuration language; NULL beyond the table, COUNT when unknown. */
const char *inspect_verb_name(unsigned verb);
unsigned inspect_verb_find(const char *name, size_t length);
const char *inspect_extension_name(unsigned extension);
/* As `match ehlo-reply-parameter` writes it. */
const char *inspect_extension_word(unsigned extension);
/* By its name or its word. */
unsigned inspect_extension_find(const char *name, size_t length);
const char *inspect_criterion_name(unsigned criterion);
unsigned inspect_criterion_find(const char *name, size_t length);
bool inspect_criterion_takes(unsigned criterion, enum inspect_action action);
/* "drop-connection" and so on; NULL beyond the table. */
const char *inspect_action_name(unsigned action);

#endif
