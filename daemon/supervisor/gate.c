#include "daemon/supervisor/gate.h"

#include "daemon/gate/board.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

static void
close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void
close_all(struct gate *gate)
{
	gate_filter_close(&gate->filter);
	close_one(&gate->board);
	close_one(&gate->wake);
	close_one(&gate->embryos);
	close_one(&gate->pidfd);
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
gate_start(struct gate *gate, const char *program, const struct spawn_account *account,
    const char **ret_step)
{
	char slots[16], queue[16];
	char *arguments[] = {(char *)(uintptr_t)program, slots, queue, NULL};
	struct spawn spawn = {
	    .path = program,
	    .arguments = arguments,
	    .account = account,
	    .count = 4,
	    .fd = {gate->filter.positions, gate->board, gate->wake, gate->embryos},
	    .capabilities = 1ull << CAP_NET_ADMIN,
	};

	*ret_step = "smtpguard-gate";
	close_one(&gate->pidfd);
	snprintf(slots, sizeof(slots), "%u", gate->slots);
	snprintf(queue, sizeof(queue), "%u", GATE_QUEUE);
	return spawn_start(&spawn, &gate->pid, &gate->pidfd);
}

int
gate_open(struct gate *gate, uint32_t slots, const char *program,
    const struct spawn_account *account, const char **ret_step)
{
	int error;

	*gate = (struct gate){.filter = {-1, -1, -1},
	    .board = -1,
	    .wake = -1,
	    .embryos = -1,
	    .slots = slots,
	    .pidfd = -1};
	error = make(gate, ret_step);
	if (error == 0)
		error = gate_start(gate, program, account, ret_step);
	if (error < 0)
		close_all(gate);
	return error;
}

int
gate_close(struct gate *gate, const char **ret_step)
{
	int error = gate_filter_remove(ret_step);

	if (gate->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, gate->pidfd, SIGTERM, NULL, 0);
	close_all(gate);
	return error;
}
