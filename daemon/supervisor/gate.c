#include "daemon/supervisor/gate.h"

#include "daemon/gate/board.h"
#include "daemon/gate/keeper_fd.h"
#include "daemon/supervisor/wakes.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <unistd.h>

void
gate_init(struct gate *gate)
{
	*gate = (struct gate){.filter = {-1, -1, -1}, .board = -1, .wake = -1, .embryos = -1};
}

static void
close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void
gate_close(struct gate *gate)
{
	gate_filter_close(&gate->filter);
	close_one(&gate->board);
	close_one(&gate->wake);
	close_one(&gate->embryos);
}

static int
make(struct gate *gate, const char **ret_step)
{
	int error = gate_filter_load(&gate->filter, gate->slots, ret_step);

	if (error < 0)
		return error;
	*ret_step = "board";
	gate->board = gate_board_create();
	if (gate->board < 0)
		return gate->board;
	*ret_step = "eventfd";
	gate->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	gate->embryos = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (gate->wake < 0 || gate->embryos < 0)
		return -errno;
	return gate_filter_install(&gate->filter, GATE_QUEUE, ret_step);
}

int
gate_make(struct gate *gate, uint32_t slots, const char **ret_step)
{
	int error;

	gate_init(gate);
	gate->slots = slots;
	error = make(gate, ret_step);
	if (error < 0)
		gate_close(gate);
	return error;
}

static int
fetch(int pidfd, enum keeper_fd number, int *ret_fd)
{
	*ret_fd = pidfd_getfd(pidfd, (int)number, 0);
	return *ret_fd < 0 ? -errno : 0;
}

static int
fetch_all(struct gate *gate, int pidfd)
{
	int error = fetch(pidfd, KEEPER_FD_POSITIONS, &gate->filter.positions);

	if (error == 0)
		error = fetch(pidfd, KEEPER_FD_BOARD, &gate->board);
	if (error == 0)
		error = fetch(pidfd, KEEPER_FD_WAKE, &gate->wake);
	if (error == 0)
		error = fetch(pidfd, KEEPER_FD_EMBRYOS, &gate->embryos);
	if (error == 0)
		error = fetch(pidfd, KEEPER_FD_PROGRAM, &gate->filter.program);
	if (error == 0)
		error = fetch(pidfd, KEEPER_FD_GUARDS, &gate->filter.guards);
	return error;
}

static int
check_board(int fd)
{
	struct gate_board *board;
	int error = gate_board_map(&board, fd, false);

	if (error == 0)
		gate_board_unmap(board);
	return error;
}

static int
take(struct gate *gate, int pidfd, const char **ret_step)
{
	int error;

	*ret_step = "descriptors of smtpguard-gate";
	error = fetch_all(gate, pidfd);
	if (error == 0)
		error = gate_filter_fits(&gate->filter, gate->slots, ret_step);
	if (error < 0)
		return error;
	*ret_step = "board";
	error = check_board(gate->board);
	if (error < 0)
		return error;
	*ret_step = "eventfd";
	return wakes_is_eventfd(gate->wake) && wakes_is_eventfd(gate->embryos) ? 0 : -EPROTO;
}

int
gate_take(struct gate *gate, uint32_t slots, int pidfd, const char **ret_step)
{
	int error;

	gate_init(gate);
	gate->slots = slots;
	error = take(gate, pidfd, ret_step);
	if (error < 0)
		gate_close(gate);
	return error;
}

void
gate_start_init(struct gate_start *start, const struct gate *gate, const char *program,
    const struct spawn_account *account)
{
	*start = (struct gate_start){
	    .arguments = {(char *)"smtpguard-gate", start->slots, start->queue, NULL},
	    .spawn = {.path = program,
		.arguments = start->arguments,
		.account = account,
		/* In the order of enum keeper_fd. */
		.count = KEEPER_FD_END - SPAWN_FIRST_FD,
		.fd = {gate->filter.positions, gate->board, gate->wake, gate->embryos,
		    gate->filter.program, gate->filter.guards},
		.capabilities = 1ull << CAP_NET_ADMIN,
		.waits_its_turn = true},
	};
	snprintf(start->slots, sizeof(start->slots), "%u", gate->slots);
	snprintf(start->queue, sizeof(start->queue), "%u", GATE_QUEUE);
}
