#include "shm/region.h"

#include "shm/closed.h"
#include "shm/counters.h"
#include "shm/event_ring.h"
#include "shm/failpoint.h"
#include "shm/journal.h"
#include "shm/policy_area.h"
#include "shm/process.h"
#include "shm/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

#define PAGE 4096u

static const char *const region_name[SHM_REGIONS] = {
    [SHM_CONTROL] = "smtpguard-control",
    [SHM_POLICY] = "smtpguard-policy",
    [SHM_SESSIONS] = "smtpguard-sessions",
    [SHM_COUNTERS] = "smtpguard-counters",
    [SHM_EVENTS] = "smtpguard-events",
};

static uint64_t
region_align(uint64_t offset, uint64_t unit)
{
	return (offset + unit - 1) / unit * unit;
}

/* Places `count` objects of `size` bytes behind *end and moves *end beyond them. */
static uint64_t
region_place(uint64_t *end, uint64_t size, uint64_t count, uint64_t unit)
{
	uint64_t offset = region_align(*end, unit);

	*end = offset + size * count;
	return offset;
}

static void
region_lay_out(uint32_t slots, uint32_t chunks, uint32_t workers, struct shm_layout *layout)
{
	uint64_t end[SHM_REGIONS];

	for (unsigned i = 0; i < SHM_REGIONS; i++)
		end[i] = sizeof(struct shm_header);

	layout->clock = region_place(&end[SHM_CONTROL], sizeof(uint64_t), 1, SHM_CACHE_LINE);
	layout->failpoint =
	    region_place(&end[SHM_CONTROL], sizeof(struct failpoint_plan), 1, SHM_CACHE_LINE);
	layout->process = region_place(
	    &end[SHM_CONTROL], sizeof(struct process_entry), SHM_WORKERS_MAX, SHM_CACHE_LINE);
	layout->custody =
	    region_place(&end[SHM_CONTROL], sizeof(struct slot_custody), slots, SHM_CACHE_LINE);

	layout->policy =
	    region_place(&end[SHM_POLICY], sizeof(struct policy_area), 1, SHM_CACHE_LINE);

	layout->journal =
	    region_place(&end[SHM_SESSIONS], sizeof(struct journal_ring), workers, SHM_CACHE_LINE);
	layout->chunk_owner =
	    region_place(&end[SHM_SESSIONS], sizeof(uint32_t), chunks, SHM_CACHE_LINE);
	layout->session =
	    region_place(&end[SHM_SESSIONS], sizeof(struct slot_session), slots, SHM_CACHE_LINE);
	layout->chunk = region_place(&end[SHM_SESSIONS], SHM_CHUNK_SIZE, chunks, PAGE);

	layout->counters = region_place(
	    &end[SHM_COUNTERS], sizeof(struct counter_block), SHM_WRITERS_MAX, SHM_CACHE_LINE);

	layout->closed =
	    region_place(&end[SHM_EVENTS], sizeof(struct closed_ring), 1, SHM_CACHE_LINE);
	layout->events = region_place(
	    &end[SHM_EVENTS], sizeof(struct event_ring), SHM_WRITERS_MAX, SHM_CACHE_LINE);

	for (unsigned i = 0; i < SHM_REGIONS; i++)
		layout->size[i] = region_align(end[i], PAGE);
}

uint64_t
shm_plan_bytes(const struct shm_plan *plan)
{
	struct shm_layout layout;
	uint64_t total = 0;

	region_lay_out(plan->slots, plan->chunks, plan->workers, &layout);
	for (unsigned i = 0; i < SHM_REGIONS; i++)
		total += layout.size[i];
	return total;
}

int
shm_plan_fit(
    uint64_t memory_max, uint32_t sessions_max, uint32_t workers, struct shm_plan *ret_plan)
{
	struct shm_plan plan = {.slots = sessions_max, .workers = workers};
	uint64_t fixed, room;

	if (sessions_max == 0 || workers == 0 || workers > SHM_WORKERS_MAX)
		return -EINVAL;
	fixed = shm_plan_bytes(&plan) + PAGE;
	if (fixed >= memory_max)
		return -ENOMEM;
	room = (memory_max - fixed) / (SHM_CHUNK_SIZE + sizeof(uint32_t));
	if (room > CHUNKS_MAX)
		room = CHUNKS_MAX;
	if (room < sessions_max / 4u || room < 8)
		return -ENOMEM;
	plan.chunks = (uint32_t)room;
	*ret_plan = plan;
	return 0;
}

static int
region_make(enum shm_region region, uint64_t size)
{
	int fd =
	    memfd_create(region_name[region], MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
		fd = memfd_create(region_name[region], MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

static int
region_map(struct shm *shm, enum shm_region region, int protection)
{
	void *base = mmap(NULL, shm->size[region], protection, MAP_SHARED, shm->fd[region], 0);

	if (base == MAP_FAILED)
		return -errno;
	/* It holds mail: never in a core dump. */
	if (madvise(base, shm->size[region], MADV_DONTDUMP) < 0) {
		int error = -errno;

		munmap(base, shm->size[region]);
		return error;
	}
	shm->base[region] = base;
	return 0;
}

static void
region_write_header(struct shm *shm, enum shm_region region, const struct shm_plan *plan)
{
	struct shm_header *header = (struct shm_header *)shm->base[region];

	*header = (struct shm_header){
	    .magic = SHM_MAGIC,
	    .abi_major = SHM_ABI_MAJOR,
	    .abi_minor = SHM_ABI_MINOR,
	    .region = region,
	    .size = shm->size[region],
	    .epoch = plan->epoch,
	    .slots = plan->slots,
	    .chunks = plan->chunks,
	    .workers = plan->workers,
	    .record_size = sizeof(struct record),
	};
}

static void
region_prepare(struct shm *shm, enum shm_region region, const struct shm_plan *plan)
{
	region_write_header(shm, region, plan);
	if (region == SHM_SESSIONS)
		for (uint32_t i = 0; i < plan->workers; i++)
			atomic_store(&shm_journal(shm, i)->pulse.step_slot, SHM_NO_SLOT);
}

static void
shm_clear(struct shm *shm)
{
	memset(shm, 0, sizeof(*shm));
	for (unsigned i = 0; i < SHM_REGIONS; i++)
		shm->fd[i] = -1;
}

int
shm_create(struct shm *shm, const struct shm_plan *plan)
{
	int error = 0;

	if (plan->slots == 0 || plan->slots > SLOTS_MAX || plan->chunks == 0 ||
	    plan->chunks > CHUNKS_MAX || plan->workers == 0 || plan->workers > SHM_WORKERS_MAX)
		return -EINVAL;
	shm_clear(shm);
	shm->slots = plan->slots;
	shm->chunks = plan->chunks;
	shm->workers = plan->workers;
	region_lay_out(plan->slots, plan->chunks, plan->workers, &shm->layout);
	for (unsigned i = 0; i < SHM_REGIONS && error == 0; i++) {
		shm->size[i] = shm->layout.size[i];
		shm->fd[i] = region_make(i, shm->size[i]);
		error = shm->fd[i] < 0 ? shm->fd[i] : region_map(shm, i, PROT_READ | PROT_WRITE);
		if (error == 0)
			region_prepare(shm, i, plan);
	}
	if (error != 0)
		shm_detach(shm);
	return error;
}

/* Who may write what; everything else is mapped read-only. */
static int
region_protection(enum shm_role role, enum shm_region region)
{
	static const uint8_t writes[][SHM_REGIONS] = {
	    [SHM_ROLE_SUPERVISOR] = {[SHM_CONTROL] = 1, [SHM_COUNTERS] = 1, [SHM_EVENTS] = 1},
	    [SHM_ROLE_MANAGER] = {[SHM_POLICY] = 1, [SHM_COUNTERS] = 1, [SHM_EVENTS] = 1},
	    [SHM_ROLE_WORKER] = {[SHM_SESSIONS] = 1, [SHM_COUNTERS] = 1, [SHM_EVENTS] = 1},
	};

	return writes[role][region] ? PROT_READ | PROT_WRITE : PROT_READ;
}

static bool
region_header_fits(const struct shm *shm, enum shm_region region)
{
	const struct shm_header *header = (const struct shm_header *)shm->base[region];

	return header->magic == SHM_MAGIC && header->abi_major == SHM_ABI_MAJOR &&
	       header->region == (uint32_t)region && header->size == shm->size[region] &&
	       header->record_size == sizeof(struct record) && header->slots > 0 &&
	       header->slots <= SLOTS_MAX && header->chunks > 0 && header->chunks <= CHUNKS_MAX &&
	       header->workers > 0 && header->workers <= SHM_WORKERS_MAX;
}

static int
region_attach(struct shm *shm, enum shm_region region, enum shm_role role)
{
	const struct shm_header *header;
	struct stat status;
	int error;

	if (fstat(shm->fd[region], &status) < 0)
		return -errno;
	if (status.st_size < (off_t)sizeof(struct shm_header))
		return -EPROTO;
	shm->size[region] = (uint64_t)status.st_size;
	error = region_map(shm, region, region_protection(role, region));
	if (error != 0)
		return error;
	if (!region_header_fits(shm, region))
		return -EPROTO;
	header = (const struct shm_header *)shm->base[region];
	if (region == SHM_CONTROL) {
		shm->slots = header->slots;
		shm->chunks = header->chunks;
		shm->workers = header->workers;
	} else if (header->slots != shm->slots || header->chunks != shm->chunks ||
		   header->workers != shm->workers) {
		return -EPROTO;
	}
	region_lay_out(shm->slots, shm->chunks, shm->workers, &shm->layout);
	return shm->size[region] == shm->layout.size[region] ? 0 : -EPROTO;
}

int
shm_attach(struct shm *shm, const int fd[SHM_REGIONS], enum shm_role role)
{
	int error = 0;

	shm_clear(shm);
	memcpy(shm->fd, fd, sizeof(shm->fd));
	for (unsigned i = 0; i < SHM_REGIONS && error == 0; i++)
		error = region_attach(shm, i, role);
	if (error != 0)
		shm_detach(shm);
	return error;
}

void
shm_detach(struct shm *shm)
{
	for (unsigned i = 0; i < SHM_REGIONS; i++) {
		if (shm->base[i] != NULL)
			munmap(shm->base[i], shm->size[i]);
		if (shm->fd[i] >= 0)
			close(shm->fd[i]);
	}
	shm_clear(shm);
}

struct process_entry *
shm_process(const struct shm *shm, uint32_t worker)
{
	if (worker >= shm->workers)
		return NULL;
	return (struct process_entry *)(shm->base[SHM_CONTROL] + shm->layout.process) + worker;
}

struct slot_custody *
shm_custody(const struct shm *shm, uint32_t slot)
{
	if (slot >= shm->slots)
		return NULL;
	return (struct slot_custody *)(shm->base[SHM_CONTROL] + shm->layout.custody) + slot;
}

struct failpoint_plan *
shm_failpoint(const struct shm *shm)
{
	return (struct failpoint_plan *)(shm->base[SHM_CONTROL] + shm->layout.failpoint);
}

_Atomic uint64_t *
shm_clock_floor(const struct shm *shm)
{
	return (_Atomic uint64_t *)(shm->base[SHM_CONTROL] + shm->layout.clock);
}

struct slot_session *
shm_session(const struct shm *shm, uint32_t slot)
{
	if (slot >= shm->slots)
		return NULL;
	return (struct slot_session *)(shm->base[SHM_SESSIONS] + shm->layout.session) + slot;
}

struct journal_ring *
shm_journal(const struct shm *shm, uint32_t worker)
{
	if (worker >= shm->workers)
		return NULL;
	return (struct journal_ring *)(shm->base[SHM_SESSIONS] + shm->layout.journal) + worker;
}

_Atomic uint32_t *
shm_chunk_owners(const struct shm *shm)
{
	return (_Atomic uint32_t *)(shm->base[SHM_SESSIONS] + shm->layout.chunk_owner);
}

uint8_t *
shm_chunk(const struct shm *shm, uint32_t chunk)
{
	if (chunk >= shm->chunks)
		return NULL;
	return shm->base[SHM_SESSIONS] + shm->layout.chunk + (uint64_t)chunk * SHM_CHUNK_SIZE;
}

struct counter_block *
shm_counters(const struct shm *shm, uint32_t writer)
{
	if (writer >= SHM_WRITERS_MAX)
		return NULL;
	return (struct counter_block *)(shm->base[SHM_COUNTERS] + shm->layout.counters) + writer;
}

struct event_ring *
shm_events(const struct shm *shm, uint32_t writer)
{
	if (writer >= SHM_WRITERS_MAX)
		return NULL;
	return (struct event_ring *)(shm->base[SHM_EVENTS] + shm->layout.events) + writer;
}

struct closed_ring *
shm_closed(const struct shm *shm)
{
	return (struct closed_ring *)(shm->base[SHM_EVENTS] + shm->layout.closed);
}

struct policy_area *
shm_policy(const struct shm *shm)
{
	return (struct policy_area *)(shm->base[SHM_POLICY] + shm->layout.policy);
}
