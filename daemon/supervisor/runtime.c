#include "daemon/supervisor/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#define CONTROL_NAME	"control.sock"
#define CONTROL_GROUP	"smtpguard"
#define CONTROL_BACKLOG 16

static int
complain(const char *what, const char *path, int status)
{
	fprintf(stderr, "smtpguardd: %s %s: %s\n", what, path, strerror(errno));
	return status;
}

void
runtime_init(struct runtime *runtime)
{
	*runtime = (struct runtime){-1, -1, -1, -1, -1};
}

/* mkdir -p */
static int
make_directory(const char *path, mode_t mode)
{
	char part[4096];
	size_t length = strlen(path);

	if (length == 0 || length >= sizeof(part)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(part, path, length + 1);
	for (size_t i = 1; i < length; i++) {
		if (part[i] != '/')
			continue;
		part[i] = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return -1;
		part[i] = '/';
	}
	return mkdir(part, mode) < 0 && errno != EEXIST ? -1 : 0;
}

static int
open_directory(const char *path, mode_t mode, int *ret_fd)
{
	if (make_directory(path, mode) < 0)
		return complain("cannot create", path, EX_CANTCREAT);
	*ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? complain("cannot open", path, EX_NOINPUT) : 0;
}

static int
take_lock(struct runtime *runtime, const char *path)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	runtime->lock =
	    openat(runtime->directory, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (runtime->lock < 0)
		return complain("cannot create the lock in", path, EX_CANTCREAT);
	/* Not flock(): a child on its way to exec would hold that one too, beyond this process. */
	if (fcntl(runtime->lock, F_SETLK, &lock) < 0) {
		char pid[16] = "?";
		ssize_t n = read(runtime->lock, pid, sizeof(pid) - 1);

		if (n > 0)
			pid[strcspn(pid, "\n")] = '\0';
		fprintf(stderr, "smtpguardd: already running (pid %s) in %s\n", pid, path);
		return EX_TEMPFAIL;
	}
	if (ftruncate(runtime->lock, 0) < 0 || dprintf(runtime->lock, "%d\n", getpid()) < 0)
		return complain("cannot write the lock in", path, EX_IOERR);
	return 0;
}

static int
open_state(struct runtime *runtime, const char *path, const struct spawn_account *account)
{
	struct stat status;
	int r = open_directory(path, 0750, &runtime->state);

	if (r != 0)
		return r;
	if (fchown(runtime->state, account->user, account->group) < 0)
		return complain("cannot give the user", path, EX_NOPERM);
	if (mkdirat(runtime->state, "quarantine", 0700) < 0 && errno != EEXIST)
		return complain("cannot create quarantine in", path, EX_CANTCREAT);
	runtime->quarantine =
	    openat(runtime->state, "quarantine", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (runtime->quarantine < 0 || fstat(runtime->quarantine, &status) < 0)
		return complain("cannot open quarantine in", path, EX_NOINPUT);
	if (status.st_uid != geteuid() || status.st_mode & 0022) {
		fprintf(stderr, "smtpguardd: %s/quarantine must belong to uid %d alone\n", path,
		    (int)geteuid());
		return EX_NOPERM;
	}
	return 0;
}

/* The group may look (what it may change the manager decides); without it only root. */
static int
give_control(const char *address, const char *path)
{
	struct group *group = getgrnam(CONTROL_GROUP);

	if (!group) {
		fprintf(stderr,
		    "smtpguardd: warning: there is no group " CONTROL_GROUP ": %s/" CONTROL_NAME
		    " is for root only\n",
		    path);
		return chmod(address, 0600);
	}
	if (chown(address, (uid_t)-1, group->gr_gid) < 0)
		return -1;
	return chmod(address, 0660);
}

static int
open_control(struct runtime *runtime, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t mask;
	int r;

	/* By the folder's descriptor, so that the length of its path does not matter. */
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" CONTROL_NAME,
	    runtime->directory);
	runtime->control = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (runtime->control < 0)
		return complain("cannot make the control socket in", path, EX_OSERR);
	unlinkat(runtime->directory, CONTROL_NAME, 0);
	mask = umask(0177);
	r = bind(runtime->control, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (r < 0 || give_control(address.sun_path, path) < 0 ||
	    listen(runtime->control, CONTROL_BACKLOG) < 0)
		return complain("cannot make the control socket in", path, EX_CANTCREAT);
	return 0;
}

int
runtime_open(struct runtime *runtime, const char *runtime_directory, const char *state_directory,
    const struct spawn_account *account)
{
	int r = open_directory(runtime_directory, 0755, &runtime->directory);

	if (r == 0)
		r = take_lock(runtime, runtime_directory);
	if (r == 0)
		r = open_state(runtime, state_directory, account);
	if (r == 0)
		r = open_control(runtime, runtime_directory);
	return r;
}

void
runtime_close(struct runtime *runtime)
{
	if (runtime->control >= 0)
		unlinkat(runtime->directory, CONTROL_NAME, 0);
	for (int i = 0; i < 5; i++) {
		int fd = ((int[]){runtime->control, runtime->quarantine, runtime->state,
		    runtime->directory, runtime->lock})[i];

		if (fd >= 0)
			close(fd);
	}
	runtime_init(runtime);
}
