#include "daemon/supervisor/process.h"

#include "daemon/supervisor/process_stat.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* The headers of the oldest supported system do not have it. */
struct pidfd_info {
	uint64_t mask;
	uint64_t cgroup;
	uint32_t numbers[11];
	int32_t exit_status;
};
#define PIDFD_INFO_EXIT (1u << 3)
#define PIDFD_GET_INFO	_IOWR(0xff, 11, struct pidfd_info)

static const int fault_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS};

void
process_init(struct process *process)
{
	*process = (struct process){.pidfd = -1};
}

bool
process_is_running(const struct process *process)
{
	return process->pid != 0;
}

struct process_death
process_classify(int code, int status)
{
	struct process_death death = {.end = PROCESS_END_KILLED, .status = status};

	if (code == CLD_EXITED) {
		death.end = PROCESS_END_EXIT;
		return death;
	}
	for (size_t i = 0; i < sizeof(fault_signals) / sizeof(fault_signals[0]); i++)
		if (status == fault_signals[i])
			death.end = PROCESS_END_FAULT;
	return death;
}

void
process_judge(struct process *process, const struct process_death *death, uint64_t now_ms)
{
	uint64_t life_ms = now_ms - process->started_ms;

	if (life_ms >= PROCESS_CALM_MS)
		process->delay_ms = 0;
	if (death->end == PROCESS_END_KILLED || death->end == PROCESS_END_UNKNOWN ||
	    (death->end == PROCESS_END_EXIT && life_ms >= PROCESS_EARLY_MS)) {
		process->start_at_ms = 0;
		return;
	}
	process->delay_ms = process->delay_ms == 0 ? PROCESS_DELAY_MIN_MS : process->delay_ms * 2;
	if (process->delay_ms > PROCESS_DELAY_MAX_MS)
		process->delay_ms = PROCESS_DELAY_MAX_MS;
	process->start_at_ms = now_ms + process->delay_ms;
}

void
process_describe(const struct process_death *death, char *text, size_t size)
{
	const char *name = sigabbrev_np(death->status);

	if (death->end == PROCESS_END_UNKNOWN)
		snprintf(text, size, "it is not known how");
	else if (death->end == PROCESS_END_EXIT)
		snprintf(text, size, "exit status %d", death->status);
	else
		snprintf(text, size, "signal %d (SIG%s)", death->status, name ? name : "?");
}

/* If it was this one's child and has ended, nothing of it remains. */
static void
let_go(int pidfd)
{
	siginfo_t info;

	waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG);
	close(pidfd);
}

bool
process_is_child(const struct process *process)
{
	siginfo_t info;

	return process_is_running(process) &&
	       waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

bool
process_find(struct process *process, pid_t pid, uint64_t started)
{
	/* In this order: the number cannot be given to another process while the pidfd names it. */
	struct process found = {
	    .pid = pid,
	    .pidfd = pidfd_open(pid, 0),
	    .stranger = true,
	    .started = started,
	};
	struct pollfd poller = {.fd = found.pidfd, .events = POLLIN};
	struct process_stat now;

	if (found.pidfd < 0)
		return false;
	if (process_stat_read(pid, &now) < 0 || now.started != started ||
	    poll(&poller, 1, 0) != 0) {
		let_go(found.pidfd);
		return false;
	}
	*process = found;
	return true;
}

static bool
child_has_ended(const struct process *process, struct process_death *ret_death)
{
	siginfo_t info = {0};

	if (waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
		return false;
	*ret_death = process_classify(info.si_code, info.si_status);
	return true;
}

/* As waitpid(2) gives it; false: it cannot be had. */
static bool
stranger_status(const struct process *process, int *ret_status)
{
	struct pidfd_info info = {.mask = PIDFD_INFO_EXIT};
	struct process_stat now;

	if (process_stat_read(process->pid, &now) == 0 && now.started == process->started &&
	    now.state == 'Z') {
		*ret_status = now.exit_status;
		return true;
	}
	if (ioctl(process->pidfd, PIDFD_GET_INFO, &info) < 0 || !(info.mask & PIDFD_INFO_EXIT))
		return false;
	*ret_status = info.exit_status;
	return true;
}

static bool
stranger_has_ended(const struct process *process, struct process_death *ret_death)
{
	struct pollfd poller = {.fd = process->pidfd, .events = POLLIN};
	int status;

	if (poll(&poller, 1, 0) != 1 || !(poller.revents & POLLIN))
		return false;
	if (child_has_ended(process, ret_death))
		return true;
	if (!stranger_status(process, &status))
		*ret_death = (struct process_death){.end = PROCESS_END_UNKNOWN};
	else if (WIFEXITED(status))
		*ret_death = process_classify(CLD_EXITED, WEXITSTATUS(status));
	else
		*ret_death = process_classify(CLD_KILLED, WTERMSIG(status));
	return true;
}

bool
process_reap(struct process *process, uint64_t now_ms, struct process_death *ret_death)
{
	if (!process_is_running(process) ||
	    !(process->stranger ? stranger_has_ended(process, ret_death)
				: child_has_ended(process, ret_death)))
		return false;
	close(process->pidfd);
	process->pidfd = -1;
	process->pid = 0;
	process->stranger = false;
	process_judge(process, ret_death, now_ms);
	return true;
}

void
process_forget(struct process *process)
{
	let_go(process->pidfd);
	process_init(process);
}

void
process_signal(const struct process *process, int number)
{
	if (process_is_running(process))
		pidfd_send_signal(process->pidfd, number, NULL, 0);
}

void
process_end(struct process *process)
{
	struct pollfd poller = {.fd = process->pidfd, .events = POLLIN};

	process_signal(process, SIGKILL);
	poll(&poller, 1, PROCESS_END_MS);
	process_forget(process);
}
