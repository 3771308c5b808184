#include "worker/lockdown.h"

#include "shm/process.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define LOCKDOWN_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LOCKDOWN_SANITIZED 1
#endif
#endif
#ifndef LOCKDOWN_SANITIZED
#define LOCKDOWN_SANITIZED 0
#endif

/* The headers of the oldest supported system know neither the later rights nor the later fields. */
struct landlock_rules {
	uint64_t files;
	uint64_t network; /* from version 4 */
	uint64_t scope;	  /* from version 6 */
};

#define LANDLOCK_VERSION_FLAG 1u

static int
lockdown_landlock(void)
{
	struct landlock_rules rules = {.files = 0x1fff};
	size_t size = sizeof(rules.files);
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION_FLAG);
	int set, error = 0;

	if (version < 1)
		return 0; /* a kernel without it: seccomp alone holds */
	if (version >= 2)
		rules.files |= 1u << 13;
	if (version >= 3)
		rules.files |= 1u << 14;
	if (version >= 4) {
		rules.network = 0x3;
		size = offsetof(struct landlock_rules, scope);
	}
	if (version >= 5)
		rules.files |= 1u << 15;
	if (version >= 6) {
		rules.scope = 0x3;
		size = sizeof(rules);
	}
	set = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
	if (set < 0)
		return -errno;
	if (syscall(SYS_landlock_restrict_self, set, 0) < 0)
		error = -errno;
	close(set);
	return error;
}

#define COUNT(calls) (sizeof(calls) / sizeof((calls)[0]))

static const int worker_calls[] = {
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(recvmsg),
    SCMP_SYS(close),
    SCMP_SYS(clock_gettime),
};

static const int gate_calls[] = {
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(write),
    SCMP_SYS(clock_gettime),
};

static const int common_calls[] = {
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(restart_syscall),
#ifdef SMTPGUARD_FAILPOINTS
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(kill),
    SCMP_SYS(tgkill),
    SCMP_SYS(rt_sigprocmask),
#endif
#if LOCKDOWN_SANITIZED
    /* What the runtime calls, above all while it reports what it has found. */
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(fcntl),
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readlink),
    SCMP_SYS(lseek),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mprotect),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(kill),
    SCMP_SYS(tgkill),
    SCMP_SYS(sched_yield),
    SCMP_SYS(prlimit64),
    SCMP_SYS(getrlimit),
    SCMP_SYS(prctl),
    SCMP_SYS(ioctl),
#endif
};

#if LOCKDOWN_SANITIZED
/* Leaks are looked for by a process that attaches, which an undumpable one does not allow. */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "detect_leaks=0:abort_on_error=1:handle_segv=0:handle_sigbus=0:handle_sigfpe=0";
}
#endif

/* Nothing else: shutdown(2) of the other direction would end a listener too. */
static int
allow_shutdown(scmp_filter_ctx filter)
{
	return seccomp_rule_add(
	    filter, SCMP_ACT_ALLOW, SCMP_SYS(shutdown), 1, SCMP_A1(SCMP_CMP_EQ, SHUT_WR));
}

/* The ring can write to an eventfd only by an operation that could write to any file. */
static int
allow_wake(scmp_filter_ctx filter)
{
	return seccomp_rule_add(
	    filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, SCMP_A0(SCMP_CMP_EQ, INHERITED_JOURNAL));
}

/* How much of a leg's output its receiver has not acknowledged, what it holds unread, and whether its peer
 * has ended it, can be learnt in no other way: neither the ring nor shared memory says it.  The requests
 * only read, and a worker holds nothing on which their numbers mean more. */
static int
allow_looks(scmp_filter_ctx filter)
{
	static const unsigned looks[] = {SIOCOUTQ, SIOCINQ};
	int error = 0;

	for (size_t i = 0; i < COUNT(looks) && error == 0; i++)
		error = seccomp_rule_add(
		    filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, looks[i]));
	return error < 0 ? error
			 : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(getsockopt), 2,
			       SCMP_A1(SCMP_CMP_EQ, IPPROTO_TCP), SCMP_A2(SCMP_CMP_EQ, TCP_INFO));
}

/* A leg that was restored narrow gets its receive buffer from whoever reads it (worker/unread.h).  Who has broken in
 * could so have the kernel accept more of its own sessions' input, within net.core.rmem_max. */
static int
allow_widening(scmp_filter_ctx filter)
{
	int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 2,
	    SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET), SCMP_A2(SCMP_CMP_EQ, SO_RCVBUF));

	if (error == 0)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 2,
		    SCMP_A1(SCMP_CMP_EQ, IPPROTO_TCP), SCMP_A2(SCMP_CMP_EQ, TCP_WINDOW_CLAMP));
	return error < 0
		   ? error
		   : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(getsockopt), 2,
			 SCMP_A1(SCMP_CMP_EQ, IPPROTO_TCP), SCMP_A2(SCMP_CMP_EQ, TCP_WINDOW_CLAMP));
}

static int
allow(scmp_filter_ctx filter, const int *calls, size_t count)
{
	int error = 0;

	for (size_t i = 0; i < count && error == 0; i++)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	return error;
}

static int
allow_program(scmp_filter_ctx filter, enum lockdown_program program)
{
	int error;

	if (program == LOCKDOWN_GATE)
		return allow(filter, gate_calls, COUNT(gate_calls));
	error = allow(filter, worker_calls, COUNT(worker_calls));
	if (error == 0)
		error = allow_shutdown(filter);
	if (error == 0)
		error = allow_wake(filter);
	if (error == 0)
		error = allow_looks(filter);
	return error < 0 ? error : allow_widening(filter);
}

static int
lockdown_seccomp(enum lockdown_program program)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int error;

	if (filter == NULL)
		return -ENOMEM;
	error = allow(filter, common_calls, COUNT(common_calls));
	if (error == 0)
		error = allow_program(filter, program);
	if (error == 0)
		error = seccomp_load(filter);
	seccomp_release(filter);
	return error;
}

int
lockdown(enum lockdown_program program, const char **ret_step)
{
	int error;

	*ret_step = "PR_SET_NO_NEW_PRIVS";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	*ret_step = "PR_SET_DUMPABLE";
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	*ret_step = "Landlock";
	error = lockdown_landlock();
	if (error < 0)
		return error;
	*ret_step = "seccomp";
	return lockdown_seccomp(program);
}
