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
#define INSPECT_POLICY_VERSION 1
#define INSPECT_HOSTNAME_MAX   64
#define INSPECT_BANNER_MAX     128

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

enum inspect_policy_flag {
	INSPECT_ALLOW_TLS = 1 << 0,
	INSPECT_LOG_TLS = 1 << 1,
	INSPECT_MONITOR_ONLY = 1 << 2,
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
	uint8_t hostname_length;
	uint8_t banner_length;
	uint8_t reserved2[2];
	char hostname[INSPECT_HOSTNAME_MAX];
	char banner_text[INSPECT_BANNER_MAX];
	uint8_t reserved3[256];
};

/* Our `_default_esmtp_map`: neutral banner, TLS allowed, no limit that breaks an RFC. */
void inspect_policy_default(struct inspect_policy *policy, const char *hostname, size_t length);
/* Bounds and enumerations; false: the image must not be used. */
bool inspect_policy_check(const void *image, size_t size);

/* Names for the configuration language; NULL beyond the table, COUNT when unknown. */
const char *inspect_verb_name(unsigned verb);
unsigned inspect_verb_find(const char *name, size_t length);
const char *inspect_extension_name(unsigned extension);
unsigned inspect_extension_find(const char *name, size_t length);

#endif
