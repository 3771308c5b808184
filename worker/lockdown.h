/*
 * lockdown -- from here on this process can only work on what it holds
 *
 * Called once by the worker, when its memory is mapped and its ring stands: no new privileges, no
 * core dump and no attachment by its own user (undumpable), an empty Landlock set where the kernel
 * has Landlock, and a seccomp filter that leaves io_uring_enter (the ring itself is restricted),
 * recvmsg for the hand-overs, shutdown, close, the clock and the exits.  Anything else kills the process
 * with SIGSYS, which the supervisor counts as a fault.
 *
 * 0 or -errno; *ret_step names what was refused.
 */
#ifndef WORKER_LOCKDOWN_H
#define WORKER_LOCKDOWN_H

int lockdown(const char **ret_step);

#endif
