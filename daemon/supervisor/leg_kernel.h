/*
 * leg_kernel -- what is asked of the kernel about a TCP connection, and told to it, in one call each
 *
 * TCP_QUEUE_SEQ speaks of the queue that was chosen last, in repair mode.  Called by who
 * makes, finds and ends legs.  0 or -errno, if nothing else is said.
 */
#ifndef SUPERVISOR_LEG_KERNEL_H
#define SUPERVISOR_LEG_KERNEL_H

#include <linux/tcp.h>
#include <stdint.h>

/* <linux/tcp.h> has the newer fields of tcp_info but not the states of <netinet/tcp.h>. */
enum {
	TCP_ESTABLISHED = 1,
	TCP_FIN_WAIT1 = 4,
	TCP_FIN_WAIT2 = 5,
	TCP_TIME_WAIT = 6,
	TCP_CLOSE = 7,
	TCP_CLOSE_WAIT = 8,
	TCP_LAST_ACK = 9,
	TCP_CLOSING = 11,
};

int leg_kernel_set(int fd, int level, int option, int value);
int leg_kernel_info(int fd, struct tcp_info *ret_info);
/* SO_COOKIE; 0: it has none. */
uint64_t leg_kernel_cookie(int fd);

/* Of the queue that was chosen last. */
int leg_kernel_sequence(int fd, uint32_t *ret_sequence);
/* Chooses TCP_RECV_QUEUE or TCP_SEND_QUEUE, and asks. */
int leg_kernel_queue(int fd, int queue, uint32_t *ret_sequence);

#endif
