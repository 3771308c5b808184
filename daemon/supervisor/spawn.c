#include "daemon/supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define HIGH_FD (SPAWN_FIRST_FD + SPAWN_FDS_MAX)

static void
child_fail(const char *what, const char *path)
{
	dprintf(
	    STDERR_FILENO, "smtpguardd: cannot start %s: %s: %s\n", path, what, strerror(errno));
	_exit(SPAWN_FAILED);
}

/* First out of the way of the target numbers, then down to them. */
static int
child_place_descriptors(const struct spawn *spawn)
{
	int high[SPAWN_FDS_MAX];
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		return -1;
	for (unsigned i = 0; i < spawn->count; i++) {
		high[i] = fcntl(spawn->fd[i], F_DUPFD_CLOEXEC, HIGH_FD);
		if (high[i] < 0)
			return -1;
	}
	for (unsigned i = 0; i < spawn->count; i++)
		if (dup2(high[i], SPAWN_FIRST_FD + (int)i) < 0)
			return -1;
	return close_range(SPAWN_FIRST_FD + spawn->count, ~0u, 0);
}

static bool
is_kept(const struct spawn *spawn, unsigned long capability)
{
	return capability < 64 && (spawn->capabilities >> capability & 1) != 0;
}

/* The change of user takes what is not told to stay; ambient ones pass the exec. */
static int
child_keep_capabilities(const struct spawn *spawn)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

	for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		uint32_t kept = (uint32_t)(spawn->capabilities >> 32 * i);

		data[i] = (struct __user_cap_data_struct){kept, kept, kept};
	}
	if (syscall(SYS_capset, &header, data) < 0)
		return -1;
	for (unsigned long capability = 0; capability <= CAP_LAST_CAP; capability++)
		if (is_kept(spawn, capability) &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0)
			return -1;
	return 0;
}

static int
child_drop_privileges(const struct spawn *spawn)
{
	const struct spawn_account *account = spawn->account;
	const struct rlimit no_core = {0, 0};

	if (setrlimit(RLIMIT_CORE, &no_core) < 0)
		return -1;
	/* Without CAP_SETPCAP the bounding set stays; PR_SET_NO_NEW_PRIVS closes that way too. */
	for (unsigned long capability = 0; capability <= CAP_LAST_CAP; capability++)
		if (!is_kept(spawn, capability) &&
		    prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0 && errno != EPERM &&
		    errno != EINVAL)
			return -1;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -1;
	if (spawn->capabilities != 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return -1;
	if (setgroups(0, NULL) < 0 ||
	    setresgid(account->group, account->group, account->group) < 0 ||
	    setresuid(account->user, account->user, account->user) < 0)
		return -1;
	if (spawn->capabilities != 0 && child_keep_capabilities(spawn) < 0)
		return -1;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* No promise depends on it, and a filter of system calls around all of us may refuse it. */
static void
child_wait_its_turn(const struct spawn *spawn)
{
	const struct sched_param parameter = {0};

	if (spawn->waits_its_turn && sched_getscheduler(0) == SCHED_OTHER)
		sched_setscheduler(0, SCHED_BATCH, &parameter);
}

static void
child_restore_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Before anything else: the parent's death is seen by the end of its side of the gate. */
static void
child_wait(const struct spawn *spawn, const int gate[2])
{
	char byte;

	if (!spawn->held)
		return;
	close(gate[1]);
	if (read(gate[0], &byte, 1) != 1)
		_exit(SPAWN_FAILED);
}

static _Noreturn void
child_run(const struct spawn *spawn, const int gate[2])
{
	char *const environment[] = {NULL};

	child_wait(spawn, gate);
	setsid();
	child_wait_its_turn(spawn);
	if (child_place_descriptors(spawn) < 0)
		child_fail("descriptors", spawn->path);
	if (child_drop_privileges(spawn) < 0)
		child_fail("dropping privileges", spawn->path);
	child_restore_signals();
	execve(spawn->path, spawn->arguments, environment);
	child_fail("exec", spawn->path);
	_exit(SPAWN_FAILED);
}

static int
start(const struct spawn *spawn, const int gate[2], pid_t *ret_pid, int *ret_pidfd)
{
	pid_t pid = fork();
	int pidfd;

	if (pid < 0)
		return -errno;
	if (pid == 0)
		child_run(spawn, gate);
	/* The child is not reaped before this process waits for it: the pid is still its own. */
	pidfd = pidfd_open(pid, 0);
	if (pidfd < 0) {
		int r = -errno;

		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return r;
	}
	*ret_pid = pid;
	*ret_pidfd = pidfd;
	return 0;
}

int
spawn_start(struct spawn *spawn, pid_t *ret_pid, int *ret_pidfd)
{
	int gate[2] = {-1, -1};
	int r;

	if (spawn->count > SPAWN_FDS_MAX)
		return -E2BIG;
	if (spawn->held && pipe2(gate, O_CLOEXEC) < 0)
		return -errno;
	r = start(spawn, gate, ret_pid, ret_pidfd);
	if (gate[0] >= 0)
		close(gate[0]);
	if (r < 0 && gate[1] >= 0)
		close(gate[1]);
	spawn->gate = gate[1];
	return r;
}

void
spawn_release(struct spawn *spawn)
{
	/* The reader may be dead: its end is seen elsewhere. */
	if (write(spawn->gate, "", 1) < 0)
		errno = 0;
	close(spawn->gate);
	spawn->gate = -1;
}

int
spawn_find_account(const char *name, struct spawn_account *ret_account)
{
	struct passwd *entry;

	if (strlen(name) >= sizeof(ret_account->name))
		return -ENOENT;
	errno = 0;
	entry = getpwnam(name);
	if (!entry)
		return errno == 0 ? -ENOENT : -errno;
	*ret_account = (struct spawn_account){.user = entry->pw_uid, .group = entry->pw_gid};
	memcpy(ret_account->name, name, strlen(name));
	return 0;
}

bool
spawn_has_capability(unsigned capability)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data) < 0)
		return false;
	return data[capability / 32].effective & (1u << (capability % 32));
}
