/*
 * lockdown -- from here on this process can only work on what it holds
 *
 * Called once by a worker, when its memory is mapped and its ring stands, and by smtpguard-gate, when its
 * packet queue is bound: no new privileges, no core dump and no attachment by its own user (undumpable),
 * an empty Landlock set where the kernel has Landlock, and a seccomp filter.  That leaves a worker
 * io_uring_enter (the ring itself is restricted), recvmsg for the hand-overs and for what is not to be
 * read yet, write to the eventfd that wakes sync, the ioctls SIOCOUTQ and SIOCINQ, the options TCP_INFO,
 * TCP_WINDOW_CLAMP and SO_RCVBUF, shutdown, close, the clock and the exits; and smtpguard-gate what
 * receives packets, sends verdicts and waits.  Anything else kills the process with SIGSYS, which the
 * supervisor counts as a fault.
 *
 * 0 or -errno; *ret_step names what was refused.
 */
#ifndef WORKER_LOCKDOWN_H
#define WORKER_LOCKDOWN_H

enum lockdown_program { LOCKDOWN_WORKER, LOCKDOWN_GATE };

int lockdown(enum lockdown_program program, const char **ret_step);

#endif
