/*
 * filter -- the part of the gate that is in the kernel: loading it, and the rule that asks it
 *
 * The filter (filter.bpf.c) sees every packet that this host sends, in the output hook of its network
 * namespace, whatever device it leaves by, before it is cut into segments.  It answers from the table of
 * positions which packets may not leave by themselves; the rule gives those to smtpguard-gate.  Without
 * that process, or before it is there, the kernel drops them: the gate is closed by what is in the kernel,
 * and opened only by those who say what is committed.
 *
 * The rule holds the filter, and the filter the table and the guarded addresses; nothing is pinned, no
 * file system is asked.  It stands until gate_filter_remove() or until the namespace ends: after the death
 * of every process no FIN and no RST of a connection leaves.  gate_filter_install() puts a new filter in
 * the place of an old one in one transaction.  Without a pair there is no rule and no filter: the gate
 * costs nothing.
 *
 * Marks are the host's, so one pair may be in one network namespace.
 *
 * Why so.  Three ways were tried under one load: every packet of a connection to a process (T1), only those
 * that the filter names (T1b, this one), and a filter at the device that writes the committed number into
 * packets, drops bare ACKs and has a process send new ones when a position moves (T2).
 *
 *                                          none   T1     T1b    T2
 *      one connection, CPU seconds a GB    1.3    1.9    1.6    1.2
 *          of it the process               -      0.41   0.33   (in the others)
 *      64 connections with short requests,
 *          the process, us a request       -      5.5    0.2    0
 *      a SYN-ACK that waits                       held   held   dropped, comes again after 1 s
 *      window, SACK, timestamps                   TCP's  TCP's  ours: right edge, D-SACK, seq
 *      every device, also a new one               yes    yes    only where the program is attached
 *      payload behind an ACK ahead                waits  waits  leaves at once
 *
 * (Linux 6.18, two processors with much other work beside it, veth, commit 300 us after the octets were
 * read; CPU of client, server and gate together, median of three.  The last four lines follow from how each
 * works; all three are closed to FIN and RST when nobody runs.)  T2 is the cheapest for bulk, but with it the
 * kernel believes that its ACK has left, and whatever it does not repeat then is for us to say rightly; here
 * nothing is rewritten.  A reply whose ACK is ahead waits for one answer of the standby, which the sender of
 * those octets has to wait for in any case.
 *
 * Supervisor; needs CAP_NET_ADMIN, CAP_BPF and bpf(2).  Errors: 0 or -errno with *ret_step naming what
 * failed.
 */
#ifndef GATE_FILTER_H
#define GATE_FILTER_H

#include "daemon/gate/decision.h"
#include "shm/layout.h"

#include <stddef.h>

/* The rule's table, in the families ip and ip6. */
#define GATE_TABLE "smtpguard_gate"

struct gate_filter {
	int program;   /* what the rule asks */
	int positions; /* positions.h: for smtpguard-gate and sync */
	int guards;
};

int gate_filter_load(struct gate_filter *filter, uint32_t slots, const char **ret_step);
/* The descriptors, which another process has held, are those of such a filter with so many slots; -EPROTO. */
int gate_filter_fits(const struct gate_filter *filter, uint32_t slots, const char **ret_step);
/* The rule stands without the descriptors. */
void gate_filter_close(struct gate_filter *filter);

/* No RST without a mark leaves from these addresses: the first `bits` of `address`, and if its port is not
 * 0 only to or from that.  At most FILTER_GUARDS_MAX. */
int gate_filter_guard(
    const struct gate_filter *filter, const struct shm_endpoint *address, unsigned bits);
/* The same address is not guarded any more; -ENOENT: it was not. */
int gate_filter_unguard(
    const struct gate_filter *filter, const struct shm_endpoint *address, unsigned bits);

/* `queue` and the number behind it are those of smtpguard-gate. */
int gate_filter_install(const struct gate_filter *filter, uint16_t queue, const char **ret_step);
/* Does it stand?  An administrator's "flush ruleset" takes it like any other, and what is gone holds
 * nothing.  -ENOENT: no. */
int gate_filter_check(const char **ret_step);
/* No rule there is no error. */
int gate_filter_remove(const char **ret_step);

#endif
