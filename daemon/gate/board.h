/*
 * board -- what smtpguard-gate tells: whether packets wait, what it has done, and the embryos
 *
 * A memfd of the supervisor's that smtpguard-gate writes and the others map to read, and beside it an
 * eventfd by which sync tells smtpguard-gate that positions have moved.  Both are as long-lived as the
 * table of positions, and like it are held by smtpguard-gate and sync for a later supervisor.
 *
 * Errors: 0 or -errno.
 */
#ifndef GATE_BOARD_H
#define GATE_BOARD_H

#include "daemon/gate/embryo.h"

#include <stdbool.h>

/* X(name): packets, since the board was made; what each means is told in shm/counters.def, as gate_NAME */
#define GATE_COUNTERS(X)                                                                           \
	X(held)                                                                                    \
	X(released)                                                                                \
	X(superseded)                                                                              \
	X(given_up)                                                                                \
	X(late)                                                                                    \
	X(ends)                                                                                    \
	X(unplaced)                                                                                \
	X(full)                                                                                    \
	X(unreadable)                                                                              \
	X(embryos_held)                                                                            \
	X(embryos_released)                                                                        \
	X(embryos_refused)                                                                         \
	X(early_held)                                                                              \
	X(early_released)                                                                          \
	X(early_given_up)                                                                          \
	X(early_refused)

enum gate_counter {
#define X(name) GATE_COUNTER_##name,
	GATE_COUNTERS(X)
#undef X
	    GATE_COUNTER_COUNT
};

struct gate_board {
	_Atomic uint32_t is_waiting; /* packets wait: tell when positions have moved */
	_Atomic uint32_t
	    early_passed; /* nothing early waits since this number of the supervisor's */
	uint8_t reserved[56];
	_Atomic uint64_t counter[GATE_COUNTER_COUNT];
	struct embryo_ring embryos;
};

_Static_assert(GATE_COUNTER_COUNT == 16, "an earlier smtpguard-gate has room for so many");

/* Supervisor: the descriptor of a new board, or -errno. */
int gate_board_create(void);
int gate_board_map(struct gate_board **ret_board, int fd, bool is_writer);
void gate_board_unmap(struct gate_board *board);

/* Sync, after a batch of positions: one system call, and only if packets wait. */
void gate_wake(const struct gate_board *board, int eventfd);

static inline void
gate_count(struct gate_board *board, enum gate_counter counter)
{
	/* One writer. */
	uint64_t value = atomic_load_explicit(&board->counter[counter], memory_order_relaxed);

	atomic_store_explicit(&board->counter[counter], value + 1, memory_order_relaxed);
}

/* "" for what is out of range. */
const char *gate_counter_name(unsigned counter);

#endif
