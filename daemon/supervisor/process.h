/*
 * process -- one process of the gateway: its life and when it is started again
 *
 * A child that died by a fault, or within PROCESS_EARLY_MS of its start, is started again after a
 * delay that doubles from 100 ms to 10 s; it begins anew after a life of PROCESS_CALM_MS.  A kill
 * from outside is no fault and never slows a restart.
 *
 * A stranger is a worker that an earlier supervisor had started.  It is nobody's child here: that it
 * has ended its pidfd says, when none of its threads and none of its descriptors is left; how, the
 * kernel tells while init has not taken it away, or afterwards (Linux 6.15 and later).  Otherwise it
 * is not known and counts as a kill from outside.  After an upgrade it is this one's child, and is
 * reaped like any other.
 *
 * The rules are pure (process_judge()); process_reap() looks at the process.  Supervisor only.
 */
#ifndef SUPERVISOR_PROCESS_H
#define SUPERVISOR_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESS_EARLY_MS     1000u
#define PROCESS_CALM_MS	     60000u
#define PROCESS_DELAY_MIN_MS 100u
#define PROCESS_DELAY_MAX_MS 10000u
#define PROCESS_END_MS	     5000

enum process_end {
	PROCESS_END_EXIT,    /* it has left by itself */
	PROCESS_END_FAULT,   /* SIGSEGV SIGBUS SIGILL SIGFPE SIGABRT SIGSYS */
	PROCESS_END_KILLED,  /* any other signal: from outside */
	PROCESS_END_UNKNOWN, /* a stranger's */
};

struct process_death {
	enum process_end end;
	int status; /* exit status, or the signal, or 0 */
};

struct process {
	pid_t pid; /* 0: not running */
	int pidfd;
	bool stranger;
	uint64_t started;     /* clock ticks, see daemon/supervisor/process_stat.h */
	uint64_t started_ms;  /* CLOCK_MONOTONIC; 0: a stranger */
	uint64_t start_at_ms; /* not before; 0: at once */
	uint32_t delay_ms;    /* the last one */
};

void process_init(struct process *process);
bool process_is_running(const struct process *process);

struct process_death process_classify(int code, int status); /* of siginfo_t */
/* Sets start_at_ms of the next start. */
void process_judge(struct process *process, const struct process_death *death, uint64_t now_ms);
/* "signal 11 (SIGSEGV)", "exit status 1" */
void process_describe(const struct process_death *death, char *text, size_t size);

/* Not a stranger by its origin only: this process, before execve(2) perhaps, has started it. */
bool process_is_child(const struct process *process);

/* A living stranger. False: there is no such one (any more). */
bool process_find(struct process *process, pid_t pid, uint64_t started);

/* False: still alive. Otherwise reaped, pidfd closed, pid 0, and judged. */
bool process_reap(struct process *process, uint64_t now_ms, struct process_death *ret_death);
/* Of one that runs, or has ended and was not reaped: it will not be reaped. */
void process_forget(struct process *process);
/* Kills one that runs, waits up to PROCESS_END_MS until it is gone, so that it does nothing any more to what
 * others are given, and forgets it. */
void process_end(struct process *process);
/* By its pidfd, so never another process of the same number. */
void process_signal(const struct process *process, int number);

#endif
