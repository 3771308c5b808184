/*
 * settings -- what smtpguard.conf says, in the fixed form that the supervisor reads
 *
 * The supervisor parses no configuration: it starts `smtpguard-manager --settings` as the
 * unprivileged user, which reads the file and writes this struct to descriptor 3.  The supervisor
 * checks every field.
 */
#ifndef DAEMON_SETTINGS_H
#define DAEMON_SETTINGS_H

#include <stdint.h>

#define SETTINGS_MAGIC	 0x53474d53u /* "SMGS" */
#define SETTINGS_VERSION 1

struct settings {
	uint32_t magic;
	uint32_t version;
	uint32_t workers; /* 0 = one per CPU */
	uint32_t sessions_max;
	uint64_t memory_max;
	uint32_t drain_ms; /* how long a clean stop waits for sessions */
	uint32_t reserved0;
	char user[64];
	char log_target[128];	  /* "journal", "stderr", "udp:HOST:PORT" */
	char metrics_listen[128]; /* "" = none */
	uint8_t reserved1[256];
};

#endif
