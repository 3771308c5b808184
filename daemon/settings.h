/*
 * settings -- what smtpguard.conf says, in the fixed form that the supervisor reads
 *
 * The supervisor parses no configuration: it starts `smtpguard-manager --settings` as the
 * unprivileged user, which reads the file and writes this struct to descriptor 3.  The supervisor
 * checks every field.
 */
#ifndef DAEMON_SETTINGS_H
#define DAEMON_SETTINGS_H

#include "shm/layout.h"

#include <stdint.h>

#define SETTINGS_MAGIC	       0x53474d53u /* "SMGS" */
#define SETTINGS_VERSION       2
#define SETTINGS_EPOCH_FILE    "epoch" /* in STATE_DIR, of a host that is or was of a pair */
#define SETTINGS_NODE_MAX      64      /* with its NUL */
#define SETTINGS_PATH_MAX      256
#define SETTINGS_ADDRESSES_MAX 64
#define SETTINGS_SYNC_PORT     7925

enum settings_commit { SETTINGS_COMMIT_DEGRADE, SETTINGS_COMMIT_STRICT };

/* Without a failover group `line` is 0, and nothing else holds. */
struct settings_failover {
	uint32_t line; /* of the group in the file */
	uint32_t key_line;
	uint32_t commit; /* enum settings_commit */
	uint32_t degrade_after_ms;
	char node[SETTINGS_NODE_MAX];
	char peer_node[SETTINGS_NODE_MAX]; /* "": whatever name the other host has */
	char key_file[SETTINGS_PATH_MAX];
	char fifo[SETTINGS_PATH_MAX]; /* "": no keepalived */
	struct shm_endpoint listen;   /* both of one family */
	struct shm_endpoint peer;
	struct shm_endpoint witness; /* family 0: none */
	uint32_t addresses;
	struct shm_endpoint address[SETTINGS_ADDRESSES_MAX]; /* floating; port 0, no two the same */
	uint8_t reserved[128];
};

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
	struct settings_failover failover;
	uint8_t reserved1[256];
};

#endif
