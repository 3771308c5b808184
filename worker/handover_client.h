/*
 * handover_client -- the worker's end of its socket to the supervisor
 *
 * Packets are read with recvmsg, since the ring's restricted operations take no descriptors in;
 * each item is checked against the slot's custody before anything is done, and descriptors that
 * belong to nothing are closed.  What the worker has to say leaves through the ring, in order
 * (worker/request_queue.h).
 *
 * When the supervisor ends, its sessions go on, and so does the socket: a new supervisor takes the
 * other end from here and greets; the worker asks again for all that it is still owed.
 */
#ifndef WORKER_HANDOVER_CLIENT_H
#define WORKER_HANDOVER_CLIENT_H

#include "shm/layout.h"

struct worker;
struct session;

/* The ring, the memory and the lock-down stand. */
void handover_client_ready(struct worker *worker);
/* Requests; each may be made again and does nothing more then. */
void handover_client_ask_reset(
    struct worker *worker, const struct session *session, enum shm_leg leg);
void handover_client_ask_finished(struct worker *worker, uint32_t slot, uint32_t generation);
/* Submits what is due: the poll for packets, the next packet of requests. Once per turn. */
void handover_client_turn(struct worker *worker);
/* The poll has completed: reads and carries out what has come, within a bound. */
void handover_client_receive(struct worker *worker);
/* The packet of requests has completed. */
void handover_client_sent(struct worker *worker, int result);
/* The supervisor that greeted with this number has ended. */
void handover_client_orphaned(struct worker *worker, uint32_t greeting);

#endif
