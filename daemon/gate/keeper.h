/*
 * keeper -- the work of smtpguard-gate: hold what may not leave yet, and let it go in time
 *
 * Turns until something breaks.  It reads packet headers and committed positions, and knows of no
 * session.  What the filter in the kernel gives is decided anew, because a position may have moved
 * since; a FIN or RST that is not committed, and whatever cannot be read, is dropped.
 *
 * What comes to a floating address before the door opens is held too, without a look at it, until the
 * supervisor lets it pass (early.h); whether it is then let in the door says.
 *
 * It waits for packets and for the word of sync (board.h) or of the supervisor, and while something waits looks
 * now and then whether that has waited for too long; otherwise it does nothing when neither comes.  Where one
 * word follows another and something waits, packets wake nobody: the next word finds them in the kernel's
 * queue, or the end of a short while does (KEEPER_GATHER_MS).  Most of them may leave by then, and of the bare
 * ACKs of a connection all but the last are needless.
 *
 * Errors: -errno with *ret_step naming what failed.
 */
#ifndef GATE_KEEPER_H
#define GATE_KEEPER_H

#include "daemon/gate/board.h"
#include "daemon/gate/early.h"
#include "daemon/gate/keeper_fd.h"
#include "daemon/gate/parked.h"
#include "daemon/gate/queue.h"

#define KEEPER_PARKED_MOST 32768u
#define KEEPER_GATHER_MS   1

struct keeper {
	struct queue queue;
	struct gate_positions positions;
	struct gate_board *board;
	struct parked *parked;
	struct early early;
	int epoll, embryos;
	bool has_embryos;		 /* of this turn */
	bool has_passing;		 /* likewise: what is parked may leave */
	bool gathers;			 /* packets wake nobody */
	uint64_t reviewed_ms;		 /* when what waits was looked at last */
	int error;			 /* of a verdict that could not be told */
	uint64_t embryo_first;		 /* the oldest that waits is this number or a later one */
	uint32_t embryo_id[EMBRYO_MOST]; /* of its packet, by number */
};

/* With the descriptors of enum keeper_fd inherited. */
int keeper_open(
    struct keeper *keeper, uint32_t slots, uint16_t queue_number, const char **ret_step);
int keeper_run(struct keeper *keeper, const char **ret_step);

#endif
