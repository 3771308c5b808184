/*
 * request_queue -- what the worker has to say to the supervisor, in order
 *
 * Items wait here until a packet of them is sent through the ring; one packet is under way at a
 * time, and what gathers meanwhile leaves as the next one.  The counts of TAKEN are added up and
 * travel with other requests, or when they are many.
 * The room is fixed at the start: enough for all requests of all slots.  If it should run out,
 * request_queue_push() says false and nothing is lost for good: the slots hold the same truth.
 */
#ifndef WORKER_REQUEST_QUEUE_H
#define WORKER_REQUEST_QUEUE_H

#include "shm/handover.h"

#include <stdbool.h>

struct request_queue {
	struct handover_item *items;
	uint32_t capacity; /* power of two */
	uint32_t head;	   /* next to be sent; both run freely */
	uint32_t tail;
	uint32_t under_way; /* items of the packet being sent; 0 none */
	uint32_t taken;	    /* items with descriptors received, not yet reported */
};

/* Room for `slots` sessions. 0 or -errno. */
int request_queue_open(struct request_queue *queue, uint32_t slots);
void request_queue_close(struct request_queue *queue);

bool request_queue_push(struct request_queue *queue, const struct handover_item *item);
void request_queue_taken(struct request_queue *queue, uint32_t items);

/* The next packet, contiguous and unchanged until request_queue_sent(); 0 items: nothing to send
 * or a packet is under way. */
uint32_t request_queue_packet(struct request_queue *queue, const struct handover_item **ret_items);
/* The packet has left (or, with again, is to be sent once more). */
void request_queue_sent(struct request_queue *queue, bool again);
/* Nobody listens any more, or all is said anew: a packet that is under way stays so. */
void request_queue_forget(struct request_queue *queue);

#endif
