#include "tests/tools/store_trace.h"

#include "daemon/sync/custody_wire.h"
#include "daemon/sync/replica.h"
#include "daemon/sync/sync.h"
#include "shm/slot.h"
#include "shm/streams.h"

#include <err.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

struct replica *__real_replica_create(const struct replica_settings *settings);
struct replica *__wrap_replica_create(const struct replica_settings *settings);
enum sync_reason __real_replica_store(void *owner, uint64_t lsn, const struct sync_entry *entry);
enum sync_reason __wrap_replica_store(void *owner, uint64_t lsn, const struct sync_entry *entry);

static const struct shm *shm;
static int file;

struct replica *
__wrap_replica_create(const struct replica_settings *settings)
{
	shm = settings->shm;
	file = openat(SYNC_FD_TRACK, STORE_TRACE_FILE,
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (file < 0)
		err(1, "%s", STORE_TRACE_FILE);
	return __real_replica_create(settings);
}

static uint64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void
append(const struct store_trace *trace, unsigned count)
{
	size_t length = count * sizeof(*trace);

	if (length > 0 && write(file, trace, length) != (ssize_t)length)
		err(1, "%s", STORE_TRACE_FILE);
}

/* Input that the record needs and the window does not hold is not stored, whatever the record says. */
static uint64_t
stored(const struct slot_session *session, const struct record *record, enum shm_leg leg)
{
	struct stream_span needed = streams_needed(record, leg, STREAM_INPUT);
	struct stream_span held = streams_held(streams_window(session, leg, STREAM_INPUT), needed);

	return held.from == needed.from ? record->stored[leg] : needed.from;
}

static void
trace_session(uint32_t slot, uint32_t generation)
{
	const struct slot_custody *custody = shm_custody(shm, slot);
	const struct slot_session *session = shm_session(shm, slot);
	struct store_trace trace[SHM_LEGS];
	struct record record;
	unsigned count = 0;

	if (!record_read(session, generation, &record))
		return; /* told in parts, of which this was not the last */
	for (int leg = 0; leg < SHM_LEGS; leg++) {
		const struct slot_leg *of = &custody->leg[leg];

		if (of->peer.family == 0 || !of->tcp.dumped)
			continue;
		trace[count++] = (struct store_trace){
		    .when_ns = now_ns(),
		    .session_id = custody->session_id,
		    .stored = stored(session, &record, (enum shm_leg)leg) - of->base_received,
		    .output_end = record.outlet[leg].written + outlet_pending(&record.outlet[leg]) -
				  of->base_written,
		    .local = of->local,
		    .peer = of->peer,
		    .kind = STORE_TRACE_LEG,
		    .end_seen = record.end_stored[leg] ? ENDING_FIN : record.end_seen[leg],
		    .ending = record.ending[leg],
		    .finished = (record.flags & RECORD_FINISHED) != 0,
		};
	}
	append(trace, count);
}

static void
trace_embryo(const struct sync_embryo *embryo)
{
	const struct store_trace trace = {
	    .when_ns = now_ns(),
	    .local = custody_wire_endpoint(&embryo->local),
	    .peer = custody_wire_endpoint(&embryo->peer),
	    .kind = STORE_TRACE_EMBRYO,
	};

	append(&trace, 1);
}

enum sync_reason
__wrap_replica_store(void *owner, uint64_t lsn, const struct sync_entry *entry)
{
	enum sync_reason reason = __real_replica_store(owner, lsn, entry);

	if (reason == SYNC_GOOD && entry->kind == SYNC_ENTRY_SESSION)
		trace_session(entry->session.slot, entry->session.generation);
	if (reason == SYNC_GOOD && entry->kind == SYNC_ENTRY_EMBRYO)
		trace_embryo(&entry->embryo);
	return reason;
}
