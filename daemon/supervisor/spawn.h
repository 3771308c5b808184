/*
 * spawn -- start one of the gateway's programs without any privilege, or with one
 *
 * The child gets the descriptors it is given, renumbered from SPAWN_FIRST_FD on, /dev/null as
 * standard input, the supervisor's output and error, a session of its own (a terminal's Ctrl-C is
 * the supervisor's affair), no environment, no group beside its own, no capability but those that it is
 * given, and cannot get any (PR_SET_NO_NEW_PRIVS).  It writes no core file: its memory holds mail.  It outlives the
 * supervisor.  A child that fails before exec says why on standard error and exits SPAWN_FAILED.
 *
 * A child that `waits_its_turn` runs under SCHED_BATCH, unless this process was given another policy than
 * the usual one, which it then inherits as all do: who wakes it is not pushed aside, so that one wake-up
 * finds what several would have told.  Where the system refuses that, it runs as it would without.
 *
 * A child that is `held` does nothing before spawn_release(), and ends if this process ends first: so
 * it can be noted in time where a later supervisor finds it.
 *
 * Supervisor only.  0 or -errno.
 */
#ifndef SUPERVISOR_SPAWN_H
#define SUPERVISOR_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SPAWN_FIRST_FD 3
#define SPAWN_FDS_MAX  80
#define SPAWN_FAILED   71 /* EX_OSERR */

struct spawn_account {
	char name[64];
	uid_t user;
	gid_t group;
};

struct spawn {
	const char *path;
	char *const *arguments;
	const struct spawn_account *account;
	unsigned count;
	int fd[SPAWN_FDS_MAX]; /* become SPAWN_FIRST_FD, ... */
	uint64_t capabilities; /* that it keeps: bit n is capability n, as CAP_NET_ADMIN */
	bool waits_its_turn;
	bool held;
	int gate; /* set by spawn_start() */
};

int spawn_start(struct spawn *spawn, pid_t *ret_pid, int *ret_pidfd);
void spawn_release(struct spawn *spawn);

/* -ENOENT: no such user. */
int spawn_find_account(const char *name, struct spawn_account *ret_account);
/* Is the capability (CAP_*) effective in this process? */
bool spawn_has_capability(unsigned capability);

#endif
