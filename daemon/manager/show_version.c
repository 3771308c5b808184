#include "daemon/manager/show_version.h"

#include "config.h"
#include "daemon/manager/present.h"
#include "daemon/manager/show_json.h"
#include "shm/chunk.h"
#include "shm/gateway_clock.h"
#include "shm/process.h"

#include <inttypes.h>
#include <unistd.h>

static const char *const region_names[SHM_REGIONS] = {
    [SHM_CONTROL] = "control",
    [SHM_POLICY] = "policy",
    [SHM_SESSIONS] = "sessions",
    [SHM_COUNTERS] = "counters",
    [SHM_EVENTS] = "events",
};

struct worker_view {
	uint32_t state;
	int pid;
	uint32_t sessions;
	uint32_t deaths;
	uint64_t started_us;
	uint64_t up_s;
};

static bool
read_worker(const struct manager *manager, uint32_t index, struct worker_view *worker)
{
	const struct process_entry *entry = shm_process(&manager->shm, index);

	if (entry == NULL)
		return false;
	worker->state = atomic_load(&entry->state);
	worker->pid = atomic_load(&entry->pid);
	worker->sessions = atomic_load(&entry->sessions);
	worker->deaths = atomic_load(&entry->deaths);
	worker->started_us = entry->started_us;
	uint64_t now_us = realtime_now_us();
	worker->up_s = worker->started_us != 0 && now_us > worker->started_us
			   ? (now_us - worker->started_us) / 1000000
			   : 0;
	return true;
}

static const char *
state_name(uint32_t state)
{
	static const char *const names[] = {"none", "starting", "ready", "stopping", "dead"};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "damaged";
}

static json_t *
workers_json(const struct manager *manager)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < manager->shm.workers; i++) {
		struct worker_view worker;
		char started[40];

		if (!read_worker(manager, i, &worker))
			continue;
		present_iso_time(worker.started_us, started, sizeof(started));
		json_array_append_new(list,
		    json_pack("{s:i, s:i, s:s, s:i, s:i, s:s}", "worker", (int)i, "pid", worker.pid,
			"state", state_name(worker.state), "sessions", (int)worker.sessions,
			"deaths", (int)worker.deaths, "started", started));
	}
	return list;
}

static json_t *
regions_json(const struct manager *manager)
{
	json_t *object = json_object();

	for (unsigned i = 0; i < SHM_REGIONS; i++)
		json_object_set_new(
		    object, region_names[i], json_integer((json_int_t)manager->shm.size[i]));
	return object;
}

static void
add_json(const struct manager *manager, uint64_t up_ms, struct text *out)
{
	const struct shm *shm = &manager->shm;

	show_json_finish(
	    out, json_pack("{s:s, s:I, s:i, s:i, s:o, s:o, s:i, s:i, s:i}", "version",
		     SMTPGUARD_VERSION, "uptime_ms", (json_int_t)up_ms, "supervisor_pid",
		     (int)getppid(), "manager_pid", (int)getpid(), "workers", workers_json(manager),
		     "regions", regions_json(manager), "slots", (int)shm->slots, "chunks",
		     (int)shm->chunks, "chunks_free", (int)chunk_count_free(shm)));
}

static void
add_workers(const struct manager *manager, struct text *out)
{
	text_printf(out, "%-12s %8s %-9s %9s %7s  %s\n", "Process", "PID", "State", "Sessions",
	    "Deaths", "Up");
	text_printf(out, "%-12s %8ld %-9s\n", "supervisor", (long)getppid(), "ready");
	text_printf(out, "%-12s %8ld %-9s\n", "manager", (long)getpid(), "ready");
	for (uint32_t i = 0; i < manager->shm.workers; i++) {
		struct worker_view worker;
		char up[32];

		if (!read_worker(manager, i, &worker))
			continue;
		present_duration(worker.up_s, up, sizeof(up));
		text_printf(out, "worker %-5u %8d %-9s %9u %7u  %s\n", i, worker.pid,
		    state_name(worker.state), worker.sessions, worker.deaths, up);
	}
}

void
show_version(const struct manager *manager, bool json, struct text *out)
{
	const struct shm *shm = &manager->shm;
	uint64_t up_ms = atomic_load(shm_clock_floor(shm));
	uint64_t up = up_ms / 1000;

	if (json) {
		add_json(manager, up_ms, out);
		return;
	}
	text_printf(out, "smtpguard Version %s\n\n", SMTPGUARD_VERSION);
	text_printf(out, "Up %" PRIu64 " days %u hours %u mins %u secs\n\n", up / 86400,
	    (unsigned)(up / 3600 % 24), (unsigned)(up / 60 % 60), (unsigned)(up % 60));
	add_workers(manager, out);
	text_printf(out, "\n%-12s %12s\n", "Region", "Bytes");
	for (unsigned i = 0; i < SHM_REGIONS; i++)
		text_printf(out, "%-12s %12" PRIu64 "\n", region_names[i], shm->size[i]);
	text_printf(out, "%u sessions at most, %u of %u chunks of 64 KiB free\n", shm->slots,
	    chunk_count_free(shm), shm->chunks);
}
