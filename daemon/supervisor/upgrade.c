#include "daemon/supervisor/upgrade.h"

#include "daemon/supervisor/launch.h"
#include "daemon/supervisor/listening.h"
#include "daemon/supervisor/settings.h"
#include "daemon/supervisor/supervisor.h"
#include "daemon/supervisor/watch.h"
#include "shm/failpoint.h"
#include "shm/fits.h"
#include "shm/succession.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { CHECK_SUPERVISOR, CHECK_WORKER, CHECK_MANAGER, CHECK_SYNC, CHECK_CONFIGURATION, CHECKS };

static const char *
path_of(const struct supervisor *supervisor, unsigned question)
{
	switch (question) {
	case CHECK_SUPERVISOR:
		return supervisor->own_path;
	case CHECK_WORKER:
		return supervisor->worker_path;
	case CHECK_MANAGER:
		return supervisor->manager_path;
	case CHECK_SYNC:
		return supervisor->sync_path;
	default:
		return supervisor->configuration;
	}
}

static void
report(struct supervisor *supervisor, uint32_t id, const char *text, const char *more)
{
	struct event event;

	fprintf(stderr, "smtpguardd: upgrade: %s%s%s\n", text, more ? ": " : "", more ? more : "");
	event_init(&event, id, 0);
	event_add_text(&event, text, strlen(text));
	if (more)
		event_add_text(&event, more, strlen(more));
	supervisor_event(supervisor, &event);
}

static void
enter(struct supervisor *supervisor, enum upgrade_step step)
{
	supervisor->upgrade.step = step;
	supervisor->upgrade.since_ms = supervisor->monotonic_ms;
	listening_watch(supervisor);
}

static void
give_up(struct supervisor *supervisor, const char *why, const char *more)
{
	enter(supervisor, UPGRADE_NONE);
	report(supervisor, 109041, why, more);
}

/* ---- do the programs on disk go with what runs, and the configuration file with them? ---- */

static int
ask_program(struct supervisor *supervisor, const char *path)
{
	struct upgrade *upgrade = &supervisor->upgrade;
	char *arguments[] = {(char *)(uintptr_t)path, (char *)(uintptr_t)FITS_OPTION, NULL};
	struct spawn spawn = {
	    .path = path,
	    .arguments = arguments,
	    .account = &supervisor->account,
	};

	launch_regions(supervisor, SHM_ROLE_WORKER, &spawn);
	return spawn_start(&spawn, &upgrade->check.pid, &upgrade->check.pidfd);
}

static void
ask(struct supervisor *supervisor)
{
	struct upgrade *upgrade = &supervisor->upgrade;
	const char *path = path_of(supervisor, upgrade->question), *why = NULL;
	int r;

	if (upgrade->question == CHECK_CONFIGURATION) {
		if (settings_check_key(path, &supervisor->settings.failover) != 0)
			why = "failover.key_file cannot be used";
		else if (settings_test_start(supervisor->manager_path, path, &upgrade->check.pid,
			     &upgrade->check.pidfd) != 0)
			why = "cannot be checked";
	} else {
		r = ask_program(supervisor, path);
		if (r < 0)
			why = strerror(-r);
	}
	if (why) {
		process_init(&upgrade->check);
		give_up(supervisor, path, why);
		return;
	}
	/* If memory is short the tick looks after it. */
	watch_add(supervisor->epoll, upgrade->check.pidfd, EPOLLIN,
	    (struct watch_note){.kind = WATCH_UPGRADE_CHECK});
}

int
upgrade_begin(struct supervisor *supervisor)
{
	if (supervisor->phase != PHASE_RUNNING)
		return -ESHUTDOWN;
	if (supervisor->upgrade.step != UPGRADE_NONE ||
	    atomic_load(&shm_succession(&supervisor->shm)->upgrade) != 0)
		return -EALREADY;
	if (!supervisor->can_follow)
		return -EPERM;
	report(supervisor, 109040, "to the programs on disk", NULL);
	enter(supervisor, UPGRADE_CHECKING);
	supervisor->upgrade.question = CHECK_SUPERVISOR;
	ask(supervisor);
	return 0;
}

void
upgrade_check_ended(struct supervisor *supervisor)
{
	struct upgrade *upgrade = &supervisor->upgrade;
	struct process_death death;
	char text[64];

	if (!process_reap(&upgrade->check, supervisor->monotonic_ms, &death))
		return;
	if (death.end != PROCESS_END_EXIT || death.status != 0) {
		process_describe(&death, text, sizeof(text));
		give_up(supervisor, path_of(supervisor, upgrade->question), text);
		return;
	}
	upgrade->question++;
	/* A host that stands alone does without that program. */
	if (upgrade->question == CHECK_SYNC && supervisor->settings.failover.line == 0)
		upgrade->question++;
	if (upgrade->question < CHECKS) {
		ask(supervisor);
		return;
	}
	enter(supervisor, UPGRADE_FLUSHING);
}

/* ---- this process becomes the next ---- */

static bool
all_is_told(const struct supervisor *supervisor)
{
	/* Connections of a takeover that no worker has yet would go with this program. */
	if (supervisor->unowned.count > 0 || takeover_is_under_way(supervisor))
		return false;
	for (uint32_t i = 0; i < supervisor->workers; i++)
		if (supervisor->worker[i].queue.count > 0 ||
		    !process_is_running(&supervisor->worker[i].process))
			return false;
	return true;
}

static void
become_next(struct supervisor *supervisor)
{
	struct succession *succession = shm_succession(&supervisor->shm);

	FAILPOINT(upgrade_flushed);
	atomic_store(&succession->upgrade, atomic_load(&succession->worker));
	FAILPOINT(upgrade_noted);
	execve(supervisor->own_path, supervisor->arguments, environ);
	atomic_store(&succession->upgrade, 0);
	give_up(supervisor, supervisor->own_path, strerror(errno));
}

void
upgrade_flushed(struct supervisor *supervisor)
{
	uint64_t waited_ms = supervisor->monotonic_ms - supervisor->upgrade.since_ms;

	if (supervisor->upgrade.step != UPGRADE_FLUSHING)
		return;
	if (supervisor->phase != PHASE_RUNNING)
		enter(supervisor, UPGRADE_NONE);
	else if (all_is_told(supervisor) &&
		 (supervisor->custody.connecting.count == 0 || waited_ms >= UPGRADE_CONNECT_MS))
		become_next(supervisor);
}

/* ---- the workers, one by one ---- */

static bool
is_old(const struct worker *worker, uint32_t mark)
{
	return worker->owner >> 8 <= mark;
}

bool
upgrade_has_ended(
    const struct supervisor *supervisor, uint32_t worker, const struct process_death *death)
{
	uint32_t mark = atomic_load(&shm_succession(&supervisor->shm)->upgrade);

	return mark != 0 && is_old(&supervisor->worker[worker], mark) &&
	       death->end == PROCESS_END_KILLED && death->status == SIGTERM;
}

/* The new manager turns, all workers are ready: one of them can be missed. */
static bool
may_replace(const struct supervisor *supervisor)
{
	if (supervisor->phase != PHASE_RUNNING || !process_is_running(&supervisor->manager) ||
	    launch_manager_heartbeat(supervisor) == supervisor->manager_began)
		return false;
	for (uint32_t i = 0; i < supervisor->workers; i++)
		if (!supervisor->worker[i].ready)
			return false;
	return true;
}

static void
replace_next(struct supervisor *supervisor, uint32_t mark)
{
	bool left = false;

	for (uint32_t i = 0; i < supervisor->workers; i++) {
		const struct worker *worker = &supervisor->worker[i];

		if (!is_old(worker, mark))
			continue;
		left = true;
		if (record_reads(worker->version) || worker->sessions == 0) {
			FAILPOINT(upgrade_replaces);
			process_signal(&worker->process, SIGTERM);
			return;
		}
	}
	if (left)
		return;
	atomic_store(&shm_succession(&supervisor->shm)->upgrade, 0);
	report(supervisor, 109042, "all processes are of the programs on disk", NULL);
}

void
upgrade_tick(struct supervisor *supervisor)
{
	uint32_t mark = atomic_load(&shm_succession(&supervisor->shm)->upgrade);
	uint64_t waited_ms = supervisor->monotonic_ms - supervisor->upgrade.since_ms;

	upgrade_check_ended(supervisor);
	switch (supervisor->upgrade.step) {
	case UPGRADE_CHECKING:
		if (waited_ms >= UPGRADE_CHECK_MS)
			process_signal(&supervisor->upgrade.check, SIGKILL);
		break;
	case UPGRADE_FLUSHING:
		if (waited_ms >= UPGRADE_FLUSH_MS)
			give_up(supervisor, "a worker does not take its sessions", NULL);
		break;
	case UPGRADE_NONE:
		if (mark != 0 && may_replace(supervisor))
			replace_next(supervisor, mark);
		break;
	}
}
