/*
 * handover_client -- the worker's end of its socket to the supervisor
 *
 * Packets are read with recvmsg, since the ring's restricted operations take no descriptors in;
 * each item is checked against the slot's custody before anything is done, and descriptors that
 * belong to nothing are closed.  What the worker has to say leaves through the ring, in order
 * (worker/request_queue.h).
 */
#ifndef WORKER_HANDOVER_CLIENT_H
#define WORKER_HANDOVER_CLIENT_H

struct worker;

/* The ring, the memory and the lock-down stand. */
void handover_client_ready(struct worker *worker);
/* Submits what is due: the poll for packets, the next packet of requests. Once per turn. */
void handover_client_turn(struct worker *worker);
/* The poll has completed: reads and carries out what has come, within a bound. */
void handover_client_receive(struct worker *worker);
/* The packet of requests has completed. */
void handover_client_sent(struct worker *worker, int result);

#endif
