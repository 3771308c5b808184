#include "shm/region.h"

#include "shm/class_usage.h"
#include "shm/closed.h"
#include "shm/counters.h"
#include "shm/door_view.h"
#include "shm/embryos.h"
#include "shm/event_ring.h"
#include "shm/failpoint.h"
#include "shm/journal.h"
#include "shm/pair.h"
#include "shm/pair_texts.h"
#include "shm/peer_counters.h"
#include "shm/policy_area.h"
#include "shm/process.h"
#include "shm/release.h"
#include "shm/slot.h"
#include "shm/spoken.h"
#include "shm/succession.h"
#include "shm/takeover_view.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

/* Slot + 1 has to fit the packet mark's 20 bits. */
#define SLOTS_MAX  0xfffffu
#define CHUNKS_MAX 0x7fffffffu

/* What one session can hold in all its windows. */
#define CHUNKS_PER_SLOT (4u * SHM_WINDOW_CHUNKS + 1u)

struct layout {
	struct shm_offsets at;
	uint64_t size[SHM_REGIONS];
};

static const char *const region_names[SHM_REGIONS] = {
    [SHM_CONTROL] = "smtpguard-control",
    [SHM_POLICY] = "smtpguard-policy",
    [SHM_SESSIONS] = "smtpguard-sessions",
    [SHM_COUNTERS] = "smtpguard-counters",
    [SHM_EVENTS] = "smtpguard-events",
};

static const int region_rights[][SHM_REGIONS] = {
    [SHM_ROLE_SUPERVISOR] =
	{
	    [SHM_CONTROL] = PROT_READ | PROT_WRITE,
	    [SHM_POLICY] = PROT_READ,
	    [SHM_SESSIONS] = PROT_READ,
	    [SHM_COUNTERS] = PROT_READ | PROT_WRITE,
	    [SHM_EVENTS] = PROT_READ | PROT_WRITE,
	},
    [SHM_ROLE_MANAGER] =
	{
	    [SHM_CONTROL] = PROT_READ,
	    [SHM_POLICY] = PROT_READ | PROT_WRITE,
	    [SHM_SESSIONS] = PROT_READ,
	    [SHM_COUNTERS] = PROT_READ | PROT_WRITE,
	    [SHM_EVENTS] = PROT_READ | PROT_WRITE,
	},
    [SHM_ROLE_WORKER] =
	{
	    [SHM_CONTROL] = PROT_READ,
	    [SHM_POLICY] = PROT_READ,
	    [SHM_SESSIONS] = PROT_READ | PROT_WRITE,
	    [SHM_COUNTERS] = PROT_READ | PROT_WRITE,
	    [SHM_EVENTS] = PROT_READ | PROT_WRITE,
	},
    [SHM_ROLE_SYNC] =
	{
	    [SHM_CONTROL] = PROT_READ | PROT_WRITE,
	    [SHM_POLICY] = PROT_READ,
	    [SHM_SESSIONS] = PROT_READ | PROT_WRITE,
	    [SHM_COUNTERS] = PROT_READ | PROT_WRITE,
	    [SHM_EVENTS] = PROT_READ | PROT_WRITE,
	},
};

bool
shm_role_writes(enum shm_role role, enum shm_region region)
{
	return (region_rights[role][region] & PROT_WRITE) != 0;
}

/* Takes `count` items of `size` bytes at the next multiple of `align`; returns where. */
static uint64_t
place(uint64_t *end, uint64_t align, uint64_t count, uint64_t size)
{
	uint64_t at = (*end + align - 1) / align * align;

	*end = at + count * size;
	return at;
}

static bool
plan_is_valid(uint32_t slots, uint32_t chunks, uint32_t workers)
{
	return slots >= 1 && slots <= SLOTS_MAX && chunks <= CHUNKS_MAX && workers >= 1 &&
	       workers <= SHM_WORKERS_MAX;
}

/* The one place that knows where what lies. A valid plan cannot overflow: 2^31 * 64 KiB = 2^47. */
static void
lay_out(uint32_t slots, uint32_t chunks, uint32_t workers, struct layout *layout)
{
	struct shm_offsets *at = &layout->at;
	uint64_t writers = (uint64_t)workers + SHM_WRITERS_MAX - SHM_WORKERS_MAX;
	uint64_t end;

	end = sizeof(struct shm_header);
	at->clock_floor = place(&end, SHM_CACHE_LINE, 1, sizeof(uint64_t));
	at->chunk_level = place(&end, SHM_CACHE_LINE, 1, sizeof(uint64_t));
	at->release = place(&end, SHM_CACHE_LINE, 1, sizeof(struct release_state));
	at->succession = place(&end, SHM_CACHE_LINE, 1, sizeof(struct succession));
	at->failpoint = place(&end, SHM_CACHE_LINE, 1, sizeof(struct failpoint_plan));
	at->class_usage = place(&end, SHM_CACHE_LINE, CLASSES_MAX, sizeof(struct class_usage));
	at->pair_view = place(&end, SHM_CACHE_LINE, 1, sizeof(struct pair_view));
	at->pair_answer = place(&end, SHM_CACHE_LINE, 1, sizeof(struct pair_answer));
	at->texts_peer = place(&end, SHM_CACHE_LINE, 1, sizeof(struct pair_texts_view));
	at->door_view = place(&end, SHM_CACHE_LINE, 1, sizeof(struct door_view));
	at->pair_history = place(&end, SHM_CACHE_LINE, 1, sizeof(struct pair_history));
	at->embryos = place(&end, SHM_CACHE_LINE, 1, sizeof(struct embryos));
	at->peer_counters = place(&end, SHM_CACHE_LINE, 1, sizeof(struct peer_counters_view));
	at->takeover_view = place(&end, SHM_CACHE_LINE, 1, sizeof(struct takeover_view));
	at->processes = place(&end, SHM_CACHE_LINE, workers, sizeof(struct process_entry));
	at->custody = place(&end, SHM_CACHE_LINE, slots, sizeof(struct slot_custody));
	layout->size[SHM_CONTROL] = end;

	end = sizeof(struct shm_header);
	at->policy = place(&end, SHM_CACHE_LINE, 1, sizeof(struct policy_area));
	at->pair_request = place(&end, SHM_CACHE_LINE, 1, sizeof(struct pair_request));
	at->texts_own = place(&end, SHM_CACHE_LINE, 1, sizeof(struct pair_texts_view));
	layout->size[SHM_POLICY] = end;

	end = sizeof(struct shm_header);
	at->journals = place(&end, SHM_CACHE_LINE, workers, sizeof(struct journal_ring));
	at->sessions = place(&end, SHM_CACHE_LINE, slots, sizeof(struct slot_session));
	at->spoken = place(&end, SHM_CACHE_LINE, SPOKEN_WORDS(slots), sizeof(uint64_t));
	at->chunk_owners = place(&end, SHM_CACHE_LINE, chunks, sizeof(uint32_t));
	/* Aligned to the chunk's own size, so to any page size. */
	at->chunk_data = place(&end, SHM_CHUNK_SIZE, chunks, SHM_CHUNK_SIZE);
	layout->size[SHM_SESSIONS] = end;

	end = sizeof(struct shm_header);
	at->counters = place(&end, SHM_CACHE_LINE, writers, sizeof(struct counter_block));
	layout->size[SHM_COUNTERS] = end;

	end = sizeof(struct shm_header);
	at->closed = place(&end, SHM_CACHE_LINE, 1, sizeof(struct closed_ring));
	at->events = place(&end, SHM_CACHE_LINE, writers, sizeof(struct event_ring));
	layout->size[SHM_EVENTS] = end;
}

static uint64_t
layout_bytes(const struct layout *layout)
{
	uint64_t total = 0;

	for (unsigned region = 0; region < SHM_REGIONS; region++)
		total += layout->size[region];
	return total;
}

uint64_t
shm_plan_bytes(const struct shm_plan *plan)
{
	struct layout layout;

	if (!plan_is_valid(plan->slots, plan->chunks, plan->workers))
		return UINT64_MAX;
	lay_out(plan->slots, plan->chunks, plan->workers, &layout);
	return layout_bytes(&layout);
}

int
shm_plan_fit(
    uint64_t memory_max, uint32_t sessions_max, uint32_t workers, struct shm_plan *ret_plan)
{
	/* One alignment of the chunks and one of their owner words may come on top. */
	const uint64_t slack = SHM_CHUNK_SIZE + SHM_CACHE_LINE;
	struct shm_plan plan = {.slots = sessions_max, .workers = workers};
	uint64_t without, chunks;

	if (!plan_is_valid(plan.slots, 0, plan.workers))
		return -EINVAL;
	without = shm_plan_bytes(&plan) + slack;
	if (without >= memory_max)
		return -ENOMEM;
	chunks = (memory_max - without) / (SHM_CHUNK_SIZE + sizeof(uint32_t));
	if (chunks > (uint64_t)plan.slots * CHUNKS_PER_SLOT)
		chunks = (uint64_t)plan.slots * CHUNKS_PER_SLOT;
	if (chunks < ((uint64_t)plan.slots + 3) / 4)
		return -ENOMEM;
	plan.chunks = (uint32_t)chunks;
	*ret_plan = plan;
	return 0;
}

static void
shm_init(struct shm *shm)
{
	memset(shm, 0, sizeof(*shm));
	for (unsigned region = 0; region < SHM_REGIONS; region++)
		shm->fd[region] = -1;
}

void
shm_detach(struct shm *shm)
{
	for (unsigned region = 0; region < SHM_REGIONS; region++) {
		if (shm->base[region] != NULL)
			munmap(shm->base[region], shm->size[region]);
		if (shm->fd[region] >= 0)
			close(shm->fd[region]);
	}
	shm_init(shm);
}

static int
map_region(struct shm *shm, unsigned region, int fd, uint64_t size, int rights)
{
	void *base = mmap(NULL, size, rights, MAP_SHARED, fd, 0);

	if (base == MAP_FAILED)
		return -errno;
	shm->base[region] = base;
	shm->size[region] = size;
	/* It holds mail and credentials. */
	if (madvise(base, size, MADV_DONTDUMP) < 0)
		return -errno;
	return 0;
}

static int
open_memfd(const char *name)
{
	const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);

	/* Kernels before 6.3 do not know MFD_NOEXEC_SEAL. */
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, flags);
	return fd < 0 ? -errno : fd;
}

static int
create_region(struct shm *shm, unsigned region, const struct shm_plan *plan, uint64_t size)
{
	const struct shm_header header = {
	    .magic = SHM_MAGIC,
	    .abi_major = SHM_ABI_MAJOR,
	    .abi_minor = SHM_ABI_MINOR,
	    .region = region,
	    .size = size,
	    .epoch = plan->epoch,
	    .slots = plan->slots,
	    .chunks = plan->chunks,
	    .workers = plan->workers,
	    .record_size = sizeof(struct record),
	};
	int fd = open_memfd(region_names[region]);
	int error;

	if (fd < 0)
		return fd;
	shm->fd[region] = fd;
	if (ftruncate(fd, (off_t)size) < 0)
		return -errno;
	/* Nobody may shrink it under another's mapping, nor take the seals away. */
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	error = map_region(shm, region, fd, size, PROT_READ | PROT_WRITE);
	if (error < 0)
		return error;
	memcpy(shm->base[region], &header, sizeof(header));
	return 0;
}

/* The words whose zero would mean something. Slots and chunks stay untouched: pages are bound
 * when they are first written, and most of them never are. */
static void
fill_new(const struct shm *shm)
{
	shm_succession(shm)->supervisor = 1;
	for (uint32_t worker = 0; worker < shm->workers; worker++) {
		shm_process(shm, worker)->owner = PROCESS_OWNER_NONE;
		shm_journal(shm, worker)->pulse.step_slot = SHM_NO_SLOT;
	}
}

int
shm_create(struct shm *shm, const struct shm_plan *plan)
{
	struct layout layout;
	int error;

	shm_init(shm);
	if (!plan_is_valid(plan->slots, plan->chunks, plan->workers))
		return -EINVAL;
	lay_out(plan->slots, plan->chunks, plan->workers, &layout);
	for (unsigned region = 0; region < SHM_REGIONS; region++) {
		error = create_region(shm, region, plan, layout.size[region]);
		if (error < 0) {
			shm_detach(shm);
			return error;
		}
	}
	shm->slots = plan->slots;
	shm->chunks = plan->chunks;
	shm->workers = plan->workers;
	shm->at = layout.at;
	fill_new(shm);
	return 0;
}

/* Reads the header once, so that its writer cannot change it between check and use. */
static int
read_header(int fd, unsigned region, struct shm_header *header)
{
	struct stat status;
	int seals = fcntl(fd, F_GET_SEALS);
	ssize_t got;

	if (seals < 0)
		return errno == EINVAL ? -EPROTO : -errno;
	/* A region that can be cut short would kill its readers by SIGBUS. */
	if ((seals & F_SEAL_SHRINK) == 0)
		return -EPROTO;
	if (fstat(fd, &status) < 0)
		return -errno;
	got = pread(fd, header, sizeof(*header), 0);
	if (got < 0)
		return -errno;
	if (got != (ssize_t)sizeof(*header) || header->magic != SHM_MAGIC ||
	    header->abi_major != SHM_ABI_MAJOR || header->region != region ||
	    header->record_size != sizeof(struct record) ||
	    !plan_is_valid(header->slots, header->chunks, header->workers) || status.st_size < 0 ||
	    header->size != (uint64_t)status.st_size)
		return -EPROTO;
	return 0;
}

static int
attach_region(struct shm *shm, unsigned region, int fd, int rights)
{
	struct shm_header header;
	struct layout layout;
	int error = read_header(fd, region, &header);

	if (error < 0)
		return error;
	if (region == 0) {
		shm->slots = header.slots;
		shm->chunks = header.chunks;
		shm->workers = header.workers;
	}
	if (header.slots != shm->slots || header.chunks != shm->chunks ||
	    header.workers != shm->workers)
		return -EPROTO;
	lay_out(header.slots, header.chunks, header.workers, &layout);
	if (header.size != layout.size[region])
		return -EPROTO;
	shm->at = layout.at;
	return map_region(shm, region, fd, header.size, rights);
}

int
shm_attach(struct shm *shm, const int fd[SHM_REGIONS], enum shm_role role)
{
	int error;

	shm_init(shm);
	for (unsigned region = 0; region < SHM_REGIONS; region++) {
		error = attach_region(shm, region, fd[region], region_rights[role][region]);
		if (error < 0) {
			shm_detach(shm);
			return error;
		}
	}
	for (unsigned region = 0; region < SHM_REGIONS; region++) {
		if (role == SHM_ROLE_MANAGER)
			close(fd[region]);
		else
			shm->fd[region] = fd[region];
	}
	return 0;
}

static void *
item(const struct shm *shm, enum shm_region region, uint64_t offset, uint64_t index, uint64_t size)
{
	return shm->base[region] + offset + index * size;
}

struct process_entry *
shm_process(const struct shm *shm, uint32_t worker)
{
	if (worker >= shm->workers)
		return NULL;
	return item(shm, SHM_CONTROL, shm->at.processes, worker, sizeof(struct process_entry));
}

struct slot_custody *
shm_custody(const struct shm *shm, uint32_t slot)
{
	if (slot >= shm->slots)
		return NULL;
	return item(shm, SHM_CONTROL, shm->at.custody, slot, sizeof(struct slot_custody));
}

struct class_usage *
shm_class_usage(const struct shm *shm, uint32_t class_index)
{
	if (class_index >= CLASSES_MAX)
		return NULL;
	return item(shm, SHM_CONTROL, shm->at.class_usage, class_index, sizeof(struct class_usage));
}

struct failpoint_plan *
shm_failpoint(const struct shm *shm)
{
	return item(shm, SHM_CONTROL, shm->at.failpoint, 0, 0);
}

_Atomic uint64_t *
shm_clock_floor(const struct shm *shm)
{
	return item(shm, SHM_CONTROL, shm->at.clock_floor, 0, 0);
}

_Atomic uint64_t *
shm_chunk_level(const struct shm *shm)
{
	return item(shm, SHM_CONTROL, shm->at.chunk_level, 0, 0);
}

struct release_state *
shm_release(const struct shm *shm)
{
	return item(shm, SHM_CONTROL, shm->at.release, 0, 0);
}

struct succession *
shm_succession(const struct shm *shm)
{
	return item(shm, SHM_CONTROL, shm->at.succession, 0, 0);
}

struct pair_view *
shm_pair_view(const struct shm *shm)
{
	return item(shm, SHM_CONTROL, shm->at.pair_view, 0, 0);
}

struct pair_answer *
shm_pair_answer(const struct shm *shm)
{
	return item(shm, SHM_CONTROL, shm->at.pair_answer, 0, 0);
}

struct pair_history *
shm_pair_history(const struct shm *shm)
{
	return item(shm, SHM_CONTROL, shm->at.pair_history, 0, 0);
}

struct embryos *
shm_embryos(const struct shm *shm)
{
	return item(shm, SHM_CONTROL, shm->at.embryos, 0, 0);
}

struct takeover_view *
shm_takeover_view(const struct shm *shm)
{
	return item(shm, SHM_CONTROL, shm->at.takeover_view, 0, 0);
}

struct door_view *
shm_door_view(const struct shm *shm)
{
	return item(shm, SHM_CONTROL, shm->at.door_view, 0, 0);
}

uint32_t
shm_slots_used(const struct shm *shm)
{
	uint32_t touched = atomic_load(&shm_succession(shm)->touched);

	return touched < shm->slots ? touched : shm->slots;
}

struct slot_session *
shm_session(const struct shm *shm, uint32_t slot)
{
	if (slot >= shm->slots)
		return NULL;
	return item(shm, SHM_SESSIONS, shm->at.sessions, slot, sizeof(struct slot_session));
}

struct journal_ring *
shm_journal(const struct shm *shm, uint32_t worker)
{
	if (worker >= shm->workers)
		return NULL;
	return item(shm, SHM_SESSIONS, shm->at.journals, worker, sizeof(struct journal_ring));
}

_Atomic uint64_t *
shm_spoken(const struct shm *shm)
{
	return item(shm, SHM_SESSIONS, shm->at.spoken, 0, 0);
}

_Atomic uint32_t *
shm_chunk_owners(const struct shm *shm)
{
	return item(shm, SHM_SESSIONS, shm->at.chunk_owners, 0, 0);
}

uint8_t *
shm_chunk(const struct shm *shm, uint32_t chunk)
{
	if (chunk >= shm->chunks)
		return NULL;
	return item(shm, SHM_SESSIONS, shm->at.chunk_data, chunk, SHM_CHUNK_SIZE);
}

/* Writer to array index: the workers configured, then the supervisor, then the manager. */
static bool
writer_index(const struct shm *shm, uint32_t writer, uint32_t *ret_index)
{
	if (writer < shm->workers)
		*ret_index = writer;
	else if (writer >= SHM_WORKERS_MAX && writer < SHM_WRITERS_MAX)
		*ret_index = shm->workers + (writer - SHM_WORKERS_MAX);
	else
		return false;
	return true;
}

struct counter_block *
shm_counters(const struct shm *shm, uint32_t writer)
{
	uint32_t index;

	if (!writer_index(shm, writer, &index))
		return NULL;
	return item(shm, SHM_COUNTERS, shm->at.counters, index, sizeof(struct counter_block));
}

struct event_ring *
shm_events(const struct shm *shm, uint32_t writer)
{
	uint32_t index;

	if (!writer_index(shm, writer, &index))
		return NULL;
	return item(shm, SHM_EVENTS, shm->at.events, index, sizeof(struct event_ring));
}

struct closed_ring *
shm_closed(const struct shm *shm)
{
	return item(shm, SHM_EVENTS, shm->at.closed, 0, 0);
}

struct policy_area *
shm_policy(const struct shm *shm)
{
	return item(shm, SHM_POLICY, shm->at.policy, 0, 0);
}

struct pair_texts_view *
shm_texts_own(const struct shm *shm)
{
	return item(shm, SHM_POLICY, shm->at.texts_own, 0, 0);
}

struct peer_counters_view *
shm_peer_counters(const struct shm *shm)
{
	return item(shm, SHM_CONTROL, shm->at.peer_counters, 0, 0);
}

struct pair_texts_view *
shm_texts_peer(const struct shm *shm)
{
	return item(shm, SHM_CONTROL, shm->at.texts_peer, 0, 0);
}

struct pair_request *
shm_pair_request(const struct shm *shm)
{
	return item(shm, SHM_POLICY, shm->at.pair_request, 0, 0);
}
