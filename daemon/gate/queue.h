/*
 * queue -- packets that the kernel gives to this process to decide about (NFQUEUE)
 *
 * One netlink socket bound to three queues: QUEUE_LEGS for connections, QUEUE_EMBRYOS for SYN-ACKs, so that
 * many of these do not lengthen the kernel's search for the others, and QUEUE_EARLY for what comes before the
 * door opens.  Only the headers are copied; a packet
 * that is not yet cut into segments stays whole.  When this process ends, however it ends, the kernel
 * drops all that waits and, as nobody is bound to the queue, all that comes.
 *
 * Verdicts are gathered and sent by queue_flush().
 *
 * Needs CAP_NET_ADMIN, also for each verdict.  Errors: 0 or -errno.  smtpguard-gate only.
 */
#ifndef GATE_QUEUE_H
#define GATE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum queue_of { QUEUE_LEGS, QUEUE_EMBRYOS, QUEUE_EARLY, QUEUES };

#define QUEUE_BATCH 64u
#define QUEUE_HEADERS                                                                              \
	128u /* octets of a packet that are copied; an IPv6 header and a long TCP one are 100 */
#define QUEUE_MOST 32768u /* packets in one queue of the kernel */

struct queue_packet {
	enum queue_of queue;
	uint32_t id;
	uint32_t mark;
	const uint8_t *bytes; /* NULL: the kernel gave none */
	size_t length;
	size_t whole; /* what was to be sent */
};

struct queue {
	int socket;
	uint16_t number; /* of QUEUE_LEGS; the others follow it */
	size_t gathered;
	uint8_t verdicts[QUEUE_BATCH * 32];
};

typedef void queue_take(void *context, const struct queue_packet *packet);

/* -EBUSY: somebody is bound to one of the numbers already. */
int queue_open(struct queue *queue, uint16_t number);
void queue_close(struct queue *queue);
/* At most QUEUE_BATCH packets, without waiting.  Their number, or -errno. */
int queue_receive(struct queue *queue, queue_take *take, void *context);
int queue_verdict(struct queue *queue, enum queue_of of, uint32_t id, bool leaves);
int queue_flush(struct queue *queue);

#endif
