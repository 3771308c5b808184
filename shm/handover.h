/*
 * handover -- the fixed-size messages between supervisor and worker, and supervisor and manager
 *
 * Supervisor and worker share one SOCK_SEQPACKET pair per worker.  A packet is 1..HANDOVER_BATCH
 * items; descriptors travel by SCM_RIGHTS in item order (an item says how many are its own).
 * A packet whose length is no whole number of items, or whose descriptor count is not the sum of
 * its items', is refused whole (-EPROTO, descriptors closed).
 *
 * Nothing in these messages is the only place of a truth: after a worker's death the supervisor finds
 * the same in the slots and says it again, and a worker that is greeted by a new supervisor asks again
 * for all that is still open before it answers READY.  So each of them may come twice.
 *
 * Both ends of the pair are open in the worker, so that it and what waits in it outlive the supervisor;
 * that one's end is seen by its pidfd.
 */
#ifndef SHM_HANDOVER_H
#define SHM_HANDOVER_H

#include "shm/layout.h"

#define HANDOVER_BATCH	   64u
#define HANDOVER_FDS	   (2u * HANDOVER_BATCH)
#define HANDOVER_UNDER_WAY 512u /* items with descriptors sent to one worker, not yet received */

enum handover_kind {
	/* supervisor to worker */
	HANDOVER_CLIENT = 1,	/* a new session: fd = client leg; the server leg comes later */
	HANDOVER_SERVER,	/* fd = server leg, established */
	HANDOVER_SERVER_FAILED, /* error = errno of the connect, ETIMEDOUT after 30 s */
	HANDOVER_ADOPT,		/* a session of a dead worker; fds = the legs in `legs` */
	HANDOVER_SWEEP,		/* return the chunks cached by dead owner word `slot` */
	HANDOVER_CLEAR,		/* an administrator ends this session */
	HANDOVER_DRAIN,		/* the gateway stops: end every session now with 421 4.3.2 */
	HANDOVER_GREETING,	/* a new supervisor, number `generation`; fd = its pidfd */
	/* worker to supervisor */
	HANDOVER_READY = 64, /* the ring stands, lock-down done; slot = owner word, generation = the
				greeting that is answered, 0 after the start, error = the version
				of its records */
	HANDOVER_RESET,	     /* send RST on the legs in `legs`, as the record's ending says */
	HANDOVER_FINISHED,   /* record flag FINISHED is committed; take the slot back */
	HANDOVER_TAKEN,	     /* error = items with descriptors received since the last TAKEN */
};

enum handover_flag {
	HANDOVER_TO_END = 1 << 0,	  /* poisoned: do not call the core */
	HANDOVER_SERVER_PENDING = 1 << 1, /* the server leg is still connecting */
	HANDOVER_SERVER_DEAD = 1 << 2,	  /* the server leg failed; error says why */
	HANDOVER_LOST = 1 << 3, /* supervisor and worker have died, the connections with them */
};

#define HANDOVER_LEG(leg) (1u << (leg))

struct handover_item {
	uint16_t kind;
	uint8_t flags;
	uint8_t legs; /* HANDOVER_LEG() bits: which legs the descriptors belong to, in leg order */
	uint32_t slot;
	uint32_t generation;
	int32_t error;
	/* ADOPT: what the kernel says was consumed from and written to each leg, as stream
	 * positions, and TCP's state at the dead worker's end (enum in <netinet/tcp.h>).  The kernel
	 * says TCP_CLOSE both after a reset and after both FINs; here it is TCP_TIME_WAIT when both
	 * ends have closed in order, and TCP_CLOSE only when the leg was reset. */
	uint64_t consumed[SHM_LEGS];
	uint64_t written[SHM_LEGS];
	uint8_t tcp_state[SHM_LEGS];
	uint8_t reserved[14];
};
_Static_assert(sizeof(struct handover_item) == 64, "item size");

/* Number of descriptors that the item carries. */
unsigned handover_item_fds(const struct handover_item *item);

/* Sends one packet; MSG_DONTWAIT. 0 or -errno (-EAGAIN: the worker is behind). */
int handover_send(int socket, const struct handover_item *items, unsigned count, const int *fds,
    unsigned fd_count);
/* Receives one packet; MSG_DONTWAIT, MSG_CMSG_CLOEXEC. Number of items, 0 at the peer's end, or
 * -errno. fds[] are in item order. */
int handover_receive(int socket, struct handover_item items[HANDOVER_BATCH], int fds[HANDOVER_FDS],
    unsigned *ret_fd_count);

/*
 * Manager, or sync, to supervisor: one answer to each request, in their order, on a SOCK_SEQPACKET pair.
 */
enum request_kind {
	REQUEST_APPLY_LISTENERS = 1, /* argument[0] = table index; error index in `detail` */
	REQUEST_CLEAR_SESSION,	     /* argument[0] = session id */
	REQUEST_STOP,		     /* argument[0] = drain bound in ms */
	REQUEST_CLEAR_REFUSED,	     /* what classes have refused is zero again */
	REQUEST_UPGRADE,	     /* to the programs on disk */
	/* Sync's, on a pair of its own. */
	REQUEST_DOOR,	   /* argument = 1 open, 0 shut; epoch */
	REQUEST_SILENCE,   /* end all sockets without a packet; argument[0] = epoch */
	REQUEST_RESTORE,   /* make the replica's sockets; argument[0] = epoch */
	REQUEST_MEASURE,   /* slot_leg.accepted of all sessions; argument[0] is sync's own */
	REQUEST_FAILPOINT, /* test builds: argument = worker or SHM_WRITER_SUPERVISOR, point, pass */
};

struct supervisor_request {
	uint32_t kind;
	uint32_t number;
	uint64_t argument[4];
};

struct supervisor_answer {
	uint32_t number; /* of the request */
	int32_t error;	 /* 0 or -errno */
	uint32_t detail;
	uint32_t reserved;
};

#endif
