#include "daemon/gate/board.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int
gate_board_create(void)
{
	int fd = memfd_create("smtpguard-gate", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int error;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, sizeof(struct gate_board)) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

int
gate_board_map(struct gate_board **ret_board, int fd, bool is_writer)
{
	int access = PROT_READ | (is_writer ? PROT_WRITE : 0);
	struct stat status;
	void *memory;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (status.st_size != sizeof(struct gate_board))
		return -EPROTO;
	memory = mmap(NULL, sizeof(struct gate_board), access, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	*ret_board = memory;
	return 0;
}

void
gate_board_unmap(struct gate_board *board)
{
	munmap(board, sizeof(*board));
}

void
gate_wake(const struct gate_board *board, int eventfd)
{
	const uint64_t one = 1;

	/* The gate says that it waits and then looks at the positions once more. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&board->is_waiting, memory_order_relaxed) == 0)
		return;
	/* Full means that it has been told already. */
	if (write(eventfd, &one, sizeof(one)) < 0)
		errno = 0;
}

static const char *const names[] = {
#define X(name) #name,
    GATE_COUNTERS(X)
#undef X
};

const char *
gate_counter_name(unsigned counter)
{
	return counter < GATE_COUNTER_COUNT ? names[counter] : "";
}
