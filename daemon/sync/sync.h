/*
 * sync -- everything the sync process holds
 *
 * It runs only where smtpguard.conf has a failover group.  One loop on CLOCK_BOOTTIME, so that a host
 * that was paused notices; one thread, and one more that writes the epoch.  It may die at any instant:
 * role and place in the log are made anew from the epoch in STATE_DIR, from what lies in shared memory
 * (struct pair_view) and from what the other host says.
 *
 *   talk      messages between the connection and the channel
 *   news      what they mean for the role machine
 *   feed      the sessions, out or in, and what may leave
 *   texts     the configuration, likewise
 *   standing  the role machine: inputs go in, what comes out is carried out
 *   report    events
 *   status    `show failover`
 *
 * The supervisor starts it as the unprivileged user.  It gives the open key file, so that the bytes of
 * the key are in no other process; the state folder for the epoch; the notify FIFO; and a folder for
 * keepalived's track file.
 */
#ifndef DAEMON_SYNC_SYNC_H
#define DAEMON_SYNC_SYNC_H

#include "daemon/gate/board.h"
#include "daemon/loop.h"
#include "daemon/settings.h"
#include "daemon/sync/channel.h"
#include "daemon/sync/epoch_saver.h"
#include "daemon/sync/feed.h"
#include "daemon/sync/notify_fifo.h"
#include "daemon/sync/peer_link.h"
#include "daemon/sync/report.h"
#include "daemon/sync/requests.h"
#include "daemon/sync/role.h"
#include "daemon/sync/stall.h"
#include "daemon/sync/takeover_cause.h"
#include "daemon/sync/texts.h"
#include "daemon/sync/witness.h"
#include "shm/pair.h"
#include "shm/process.h"
#include "shm/region.h"

/* What the process is started with, by number. */
enum sync_inherited {
	SYNC_FD_REGIONS = 3, /* SHM_REGIONS of them */
	SYNC_FD_REQUESTS = SYNC_FD_REGIONS + SHM_REGIONS,
	SYNC_FD_SETTINGS,
	SYNC_FD_STATE,
	SYNC_FD_KEY,
	SYNC_FD_FIFO,	 /* /dev/null: there is no keepalived */
	SYNC_FD_TRACK,	 /* folder */
	SYNC_FD_JOURNAL, /* eventfd */
	SYNC_FD_RELEASE, /* eventfds of the workers, in their order; behind them enum sync_gate */
};

/* What there is with --gate, behind the last worker's. */
enum sync_gate {
	SYNC_GATE_POSITIONS, /* to write */
	SYNC_GATE_BOARD,
	SYNC_GATE_WAKE,	   /* eventfd: positions have moved */
	SYNC_GATE_EMBRYOS, /* eventfd: there are embryos that were not told */
	SYNC_GATE_END,
};

#define SYNC_NEWS_MAX 32u

struct sync {
	struct settings settings;
	struct shm shm;
	struct loop loop;
	struct loop_source signals;
	struct loop_source saved;   /* of `saver` */
	struct loop_source journal; /* a worker has committed */
	struct loop_source embryos; /* the gate has some */
	struct requests requests;
	struct notify_fifo fifo;
	struct epoch_saved found; /* when this process started */
	struct epoch_saver *saver;
	uint8_t key[KEY_SIZE];
	bool stopping;
	int32_t pid;
	uint64_t now_us; /* CLOCK_BOOTTIME of this turn */

	/* talk */
	struct peer_link *link;
	struct channel *channel;
	struct feed feed;
	struct texts texts;
	struct gate_positions *positions; /* NULL: no gate, and so never a pair that is whole */
	struct gate_positions places;	  /* what it points to */
	struct gate_board *board;	  /* likewise */
	uint32_t hold_entries;		  /* of the log, not acknowledged */
	size_t hold_bytes;
	unsigned news;
	struct channel_event news_list[SYNC_NEWS_MAX];
	struct sync_word word[SYNC_NEWS_MAX]; /* of a CHANNEL_WORD at the same place */
	bool is_heard;			      /* the role machine was told a hello */
	bool is_told_up;		      /* 109080 was said, and 109081 was not since */
	const char *why;		      /* this conversation ends; NULL: it does not */
	bool is_soon;			      /* it is to be begun again at once */
	bool whole_due;	  /* the standby has the snapshot, and the role machine has not taken it */
	bool is_measured; /* since then */
	uint64_t measure; /* number of the latest REQUEST_MEASURE */
	struct report unproved, refused;
	uint64_t cpu_us, cpu_looked_us;

	/* standing */
	struct role role;
	uint64_t timer_us[ROLE_TIMERS]; /* UINT64_MAX: not set */
	struct stall stall;
	struct witness witness;
	bool frozen_due; /* FROZEN is to be said as soon as the door is shut */
	bool has_fault;	 /* of the door, or of the disk */
	bool disk_fault; /* the epoch could not be saved */
	uint64_t disk_again_us;
	uint64_t restore_again_us;   /* a restore has failed: a fault until then */
	struct takeover_cause cause; /* of the takeover that is on its way */

	/* status */
	struct pair_status status;
};

/* Takes the inherited descriptors and runs until SIGTERM or the supervisor's end. Exit status. */
int sync_run(bool has_gate);

#endif
