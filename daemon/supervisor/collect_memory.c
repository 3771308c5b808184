#include "daemon/supervisor/collect_memory.h"

#include "daemon/supervisor/limits.h"
#include "daemon/supervisor/workers_file.h"
#include "shm/succession.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

static struct process *
place_of(struct supervisor *supervisor, const struct workers_file_entry *entry)
{
	switch (entry->kind) {
	case WORKERS_FILE_MANAGER:
		return &supervisor->manager;
	case WORKERS_FILE_SYNC:
		return &supervisor->sync;
	case WORKERS_FILE_GATE:
		return &supervisor->gate.process;
	default:
		return &supervisor->worker[entry->index].process;
	}
}

static void
find_processes(struct supervisor *supervisor, const struct workers_file *file)
{
	for (unsigned i = 0; i < file->count; i++) {
		const struct workers_file_entry *entry = &file->entry[i];
		struct process *place = place_of(supervisor, entry);

		if (!process_is_running(place))
			process_find(place, entry->pid, entry->started);
	}
	if (process_is_running(&supervisor->manager))
		process_end(&supervisor->manager);
	if (process_is_running(&supervisor->sync))
		process_end(&supervisor->sync);
}

static bool
read_file(struct supervisor *supervisor, struct workers_file *file)
{
	unsigned line = 0;
	int r = workers_file_read(supervisor->runtime.directory, file, &line);

	if (r == -EBADMSG)
		fprintf(stderr,
		    "smtpguardd: %s in the runtime folder: line %u does not hold; workers of an "
		    "earlier smtpguardd may be left\n",
		    WORKERS_FILE_NAME, line);
	else if (r < 0 && r != -ENOENT)
		fprintf(stderr, "smtpguardd: cannot read %s in the runtime folder: %s\n",
		    WORKERS_FILE_NAME, strerror(-r));
	return r == 0;
}

unsigned
collect_count_living(const struct supervisor *supervisor)
{
	unsigned count = 0;

	for (uint32_t i = 0; i < SHM_WORKERS_MAX; i++)
		count += process_is_running(&supervisor->worker[i].process);
	return count;
}

static void
end_all(struct supervisor *supervisor)
{
	for (uint32_t i = 0; i < SHM_WORKERS_MAX; i++)
		if (process_is_running(&supervisor->worker[i].process))
			process_end(&supervisor->worker[i].process);
}

/* The regions as this process needs them: a worker has some for reading only, and the file behind
 * them can be opened by root alone. */
static int
fetch_region(const struct process *process, int number)
{
	char path[32];
	int got = pidfd_getfd(process->pidfd, number, 0);
	int fd;

	if (got < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", got);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	close(got);
	return fd;
}

static int
fetch_memory(struct supervisor *supervisor, const struct process *process)
{
	int fd[SHM_REGIONS], count = 0, r = 0;

	while (count < SHM_REGIONS && r == 0) {
		fd[count] = fetch_region(process, INHERITED_REGIONS + count);
		if (fd[count] < 0)
			r = fd[count];
		else
			count++;
	}
	if (r == 0)
		r = shm_attach(&supervisor->shm, fd, SHM_ROLE_SUPERVISOR);
	for (int i = 0; r < 0 && i < count; i++)
		close(fd[i]);
	return r;
}

static bool
has_this_region(const struct supervisor *supervisor, const struct process *process, int region)
{
	int fd = pidfd_getfd(process->pidfd, INHERITED_REGIONS + region, 0);
	struct stat one, other;
	bool same = fd >= 0 && fstat(fd, &one) == 0 &&
		    fstat(supervisor->shm.fd[region], &other) == 0 && one.st_dev == other.st_dev &&
		    one.st_ino == other.st_ino;

	if (fd >= 0)
		close(fd);
	return same;
}

/* It works on our memory, and as the worker that the process table says. */
static bool
belongs(const struct supervisor *supervisor, uint32_t index)
{
	const struct process *process = &supervisor->worker[index].process;
	const struct process_entry *entry = shm_process(&supervisor->shm, index);

	if (!entry || atomic_load(&entry->pid) != process->pid)
		return false;
	for (int i = 0; i < SHM_REGIONS; i++)
		if (!has_this_region(supervisor, process, i))
			return false;
	return true;
}

/* True: it was not to be had, and only because something is short now. */
static bool
find_memory(struct supervisor *supervisor)
{
	bool is_short = false;

	for (uint32_t i = 0; i < SHM_WORKERS_MAX; i++) {
		const struct process *process = &supervisor->worker[i].process;
		int r;

		if (!process_is_running(process))
			continue;
		r = fetch_memory(supervisor, process);
		if (r == 0)
			return false;
		is_short |= shortage_of(-r) != SHORTAGE_NONE;
		fprintf(stderr,
		    "smtpguardd: the memory of worker %u (pid %d) cannot be taken over: %s\n", i,
		    process->pid, strerror(-r));
	}
	return is_short;
}

static void
end_those_that_do_not_belong(struct supervisor *supervisor)
{
	for (uint32_t i = 0; i < SHM_WORKERS_MAX; i++) {
		struct process *process = &supervisor->worker[i].process;

		if (!process_is_running(process) || belongs(supervisor, i))
			continue;
		fprintf(stderr,
		    "smtpguardd: worker %u (pid %d) does not belong here and is ended\n", i,
		    process->pid);
		process_end(process);
	}
}

static bool
has_kept_memory(struct supervisor *supervisor)
{
	int fd[SHM_REGIONS], r;

	if (!kept_use_memory(&supervisor->kept, fd))
		return false;
	r = shm_attach(&supervisor->shm, fd, SHM_ROLE_SUPERVISOR);
	for (int i = 0; r < 0 && i < SHM_REGIONS; i++)
		close(fd[i]);
	return r == 0;
}

/* An exit status: the workers are left to whoever comes when more is there. */
static int
look_for_memory(struct supervisor *supervisor, bool *ret_found)
{
	struct workers_file file;
	bool is_short = false;

	if (read_file(supervisor, &file))
		find_processes(supervisor, &file);
	if (collect_count_living(supervisor) == 0) {
		*ret_found = has_kept_memory(supervisor);
		return 0;
	}
	if (spawn_has_capability(CAP_SYS_PTRACE))
		is_short = find_memory(supervisor);
	else
		fprintf(stderr, "smtpguardd: without CAP_SYS_PTRACE the sessions of an earlier "
				"smtpguardd cannot be taken over\n");
	*ret_found = supervisor->shm.base[SHM_CONTROL] != NULL;
	if (is_short)
		return EX_TEMPFAIL;
	if (!*ret_found) {
		fprintf(stderr, "smtpguardd: the workers of an earlier smtpguardd are ended\n");
		end_all(supervisor);
	}
	return 0;
}

/* Memory that is damaged so that nobody gets through with it must not end one start after the other. */
static bool
may_use_memory(struct supervisor *supervisor)
{
	_Atomic uint32_t *tries = &shm_succession(&supervisor->shm)->tries;

	if (atomic_fetch_add(tries, 1) < COLLECT_TRIES_MAX)
		return true;
	fprintf(stderr,
	    "smtpguardd: %u supervisors in a row have died while they took over; it begins anew\n",
	    COLLECT_TRIES_MAX);
	end_all(supervisor);
	shm_detach(&supervisor->shm);
	return false;
}

static void
say_what_stays(const struct supervisor *supervisor)
{
	const struct settings *settings = &supervisor->settings;

	if (settings->workers != 0 && settings->workers != supervisor->shm.workers)
		fprintf(stderr,
		    "smtpguardd: workers = %u holds when no session is taken over; now there are "
		    "%u\n",
		    settings->workers, supervisor->shm.workers);
}

int
collect_memory(struct supervisor *supervisor, bool *ret_found)
{
	int r = look_for_memory(supervisor, ret_found);

	if (r == 0)
		*ret_found = *ret_found && may_use_memory(supervisor);
	if (r != 0 || !*ret_found)
		return r;
	end_those_that_do_not_belong(supervisor);
	say_what_stays(supervisor);
	supervisor->workers = supervisor->shm.workers;
	limits_raise();
	r = custody_init(&supervisor->custody, &supervisor->shm, supervisor->shm.slots);
	if (r == 0)
		r = tally_init(&supervisor->tally, &supervisor->shm, &supervisor->listeners,
		    supervisor->shm.slots);
	if (r == 0)
		return 0;
	fprintf(stderr, "smtpguardd: cannot take over %u slots: %s\n", supervisor->shm.slots,
	    strerror(-r));
	return EX_OSERR;
}
