/*
 * manager -- everything the manager process holds
 *
 * One loop, one thread, no state that only memory knows: configuration and cursors are in files,
 * all else is in shared memory.  It may die at any instant and be started anew.
 */
#ifndef DAEMON_MANAGER_MANAGER_H
#define DAEMON_MANAGER_MANAGER_H

#include "daemon/manager/activity.h"
#include "daemon/manager/commit.h"
#include "daemon/manager/control_server.h"
#include "daemon/manager/log_drain.h"
#include "daemon/manager/pair_config.h"
#include "daemon/manager/running.h"
#include "daemon/settings.h"

#define MANAGER_FD_REGIONS   3 /* SHM_REGIONS of them */
#define MANAGER_FD_REQUESTS  8
#define MANAGER_FD_CONTROL   9
#define MANAGER_FD_DIRECTORY 10
#define MANAGER_FD_SETTINGS  11

struct manager {
	struct settings settings;
	struct shm shm;
	struct loop loop;
	struct loop_source signals;    /* signalfd: SIGTERM, SIGINT */
	struct loop_source supervisor; /* only its end is waited for */
	struct supervisor_link link;
	struct running running;
	struct pair_config pair;
	struct commit commit;
	struct control_server control;
	struct log_target target;
	struct event_log events;
	struct log_drain drain;
	struct activity activity;
	uint64_t ticked_ms;
	bool stopping;
};

/* Takes the inherited descriptors and runs until SIGTERM or the supervisor's end. Exit status. */
int manager_run(void);

#endif
