#include "daemon/supervisor/standard_error.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* A description of our own: O_NONBLOCK belongs to the description. */
static void
open_again(void)
{
	int fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return;
	dup2(fd, STDERR_FILENO);
	close(fd);
}

void
standard_error_unblock(void)
{
	struct stat status;
	int flags = fcntl(STDERR_FILENO, F_GETFL);

	if (flags < 0 || fstat(STDERR_FILENO, &status) < 0)
		return;
	if (S_ISFIFO(status.st_mode) || isatty(STDERR_FILENO))
		open_again();
	else if (S_ISSOCK(status.st_mode)) /* cannot be opened again; it is given to one service */
		fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
}
