/* region: what is made can be attached by each role with its rights, and nothing else can. */
#include "shm/closed.h"
#include "shm/counters.h"
#include "shm/door_view.h"
#include "shm/event_ring.h"
#include "shm/failpoint.h"
#include "shm/journal.h"
#include "shm/pair.h"
#include "shm/policy_area.h"
#include "shm/process.h"
#include "shm/region.h"
#include "shm/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct shm_plan plan = {.slots = 9, .chunks = 5, .workers = 2, .epoch = 7};

static void
duplicate(const struct shm *shm, int fd[SHM_REGIONS])
{
	for (unsigned i = 0; i < SHM_REGIONS; i++) {
		fd[i] = dup(shm->fd[i]);
		assert_true(fd[i] >= 0);
	}
}

static void
close_all(int fd[SHM_REGIONS])
{
	for (unsigned i = 0; i < SHM_REGIONS; i++)
		assert_int_equal(close(fd[i]), 0);
}

static void
test_attached_is_shared(void **state)
{
	struct shm made, seen;
	int fd[SHM_REGIONS];

	(void)state;
	assert_int_equal(shm_create(&made, &plan), 0);
	duplicate(&made, fd);
	assert_int_equal(shm_attach(&seen, fd, SHM_ROLE_WORKER), 0);
	assert_int_equal(seen.slots, plan.slots);
	assert_int_equal(seen.chunks, plan.chunks);
	assert_int_equal(seen.workers, plan.workers);
	for (unsigned i = 0; i < SHM_REGIONS; i++)
		assert_int_equal(seen.fd[i], fd[i]);

	shm_custody(&made, 8)->session_id = 42;
	assert_int_equal(shm_custody(&seen, 8)->session_id, 42);
	*shm_clock_floor(&made) = 99;
	assert_int_equal(*shm_clock_floor(&seen), 99);
	shm_chunk(&seen, 4)[SHM_CHUNK_SIZE - 1] = 'x';
	assert_int_equal(shm_chunk(&made, 4)[SHM_CHUNK_SIZE - 1], 'x');
	shm_session(&seen, 0)->generation = 3;
	assert_int_equal(shm_session(&made, 0)->generation, 3);
	assert_int_equal(shm_journal(&seen, 1)->pulse.step_slot, SHM_NO_SLOT);
	assert_int_equal(shm_process(&seen, 1)->owner, PROCESS_OWNER_NONE);
	shm_detach(&seen);
	shm_detach(&made);
}

static void
test_index_out_of_range(void **state)
{
	struct shm shm;

	(void)state;
	assert_int_equal(shm_create(&shm, &plan), 0);
	assert_null(shm_custody(&shm, plan.slots));
	assert_null(shm_session(&shm, UINT32_MAX));
	assert_null(shm_process(&shm, plan.workers));
	assert_null(shm_journal(&shm, plan.workers));
	assert_null(shm_chunk(&shm, plan.chunks));
	assert_null(shm_chunk(&shm, SHM_NO_CHUNK));
	assert_null(shm_counters(&shm, plan.workers));
	assert_null(shm_counters(&shm, SHM_WRITERS_MAX));
	assert_null(shm_events(&shm, SHM_WRITERS_MAX));
	assert_non_null(shm_events(&shm, SHM_WRITER_MANAGER));
	shm_detach(&shm);
}

static bool
inside(const struct shm *shm, enum shm_region region, const void *at, size_t size)
{
	const uint8_t *start = shm->base[region] + sizeof(struct shm_header);
	const uint8_t *end = shm->base[region] + shm->size[region];

	return (uintptr_t)at % SHM_CACHE_LINE == 0 && (const uint8_t *)at >= start &&
	       (const uint8_t *)at + size <= end;
}

static void
test_parts_lie_apart(void **state)
{
	struct shm shm;
	uint8_t *last;

	(void)state;
	assert_int_equal(shm_create(&shm, &plan), 0);
	assert_true(inside(&shm, SHM_CONTROL, shm_custody(&shm, 8), sizeof(struct slot_custody)));
	assert_true(inside(&shm, SHM_CONTROL, shm_process(&shm, 1), sizeof(struct process_entry)));
	assert_true(inside(&shm, SHM_SESSIONS, shm_session(&shm, 8), sizeof(struct slot_session)));
	assert_true(inside(&shm, SHM_SESSIONS, shm_journal(&shm, 1), sizeof(struct journal_ring)));
	assert_true(inside(&shm, SHM_SESSIONS, shm_chunk(&shm, 4), SHM_CHUNK_SIZE));
	assert_true(inside(
	    &shm, SHM_COUNTERS, shm_counters(&shm, SHM_WRITER_SYNC), sizeof(struct counter_block)));
	assert_true(
	    inside(&shm, SHM_EVENTS, shm_events(&shm, SHM_WRITER_SYNC), sizeof(struct event_ring)));
	assert_true(inside(&shm, SHM_EVENTS, shm_closed(&shm), sizeof(struct closed_ring)));
	assert_true(inside(&shm, SHM_POLICY, shm_policy(&shm), sizeof(struct policy_area)));
	assert_true(inside(&shm, SHM_POLICY, shm_pair_request(&shm), sizeof(struct pair_request)));
	assert_true(inside(&shm, SHM_CONTROL, shm_pair_view(&shm), sizeof(struct pair_view)));
	assert_true(inside(&shm, SHM_CONTROL, shm_pair_answer(&shm), sizeof(struct pair_answer)));
	assert_true(inside(&shm, SHM_CONTROL, shm_door_view(&shm), sizeof(struct door_view)));

	last = (uint8_t *)(shm_journal(&shm, 1) + 1);
	assert_true(last <= (uint8_t *)shm_session(&shm, 0));
	last = (uint8_t *)(shm_session(&shm, 8) + 1);
	assert_true(last <= (uint8_t *)shm_chunk_owners(&shm));
	last = (uint8_t *)(shm_chunk_owners(&shm) + plan.chunks);
	assert_true(last <= shm_chunk(&shm, 0));
	last = (uint8_t *)(shm_policy(&shm) + 1);
	assert_true(last <= (uint8_t *)shm_pair_request(&shm));
	last = (uint8_t *)(shm_pair_view(&shm) + 1);
	assert_true(last <= (uint8_t *)shm_pair_answer(&shm));
	last = (uint8_t *)(shm_pair_answer(&shm) + 1);
	assert_true(last <= (uint8_t *)shm_door_view(&shm));
	last = (uint8_t *)(shm_door_view(&shm) + 1);
	assert_true(last <= (uint8_t *)shm_process(&shm, 0));
	last = (uint8_t *)(shm_process(&shm, 1) + 1);
	assert_true(last <= (uint8_t *)shm_custody(&shm, 0));
	last = (uint8_t *)(shm_failpoint(&shm) + 1);
	assert_true(last <= (uint8_t *)shm_process(&shm, 0));
	assert_ptr_not_equal(shm_failpoint(&shm), shm_clock_floor(&shm));
	shm_detach(&shm);
}

/* A child of that role writes the first byte behind the header; how it ended. */
static int
write_as(const struct shm *made, enum shm_role role, enum shm_region region)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct shm seen;
		int fd[SHM_REGIONS];

		signal(SIGSEGV, SIG_DFL);
		memcpy(fd, made->fd, sizeof(fd));
		if (shm_attach(&seen, fd, role) != 0)
			_exit(1);
		*(volatile uint8_t *)(seen.base[region] + sizeof(struct shm_header)) = 1;
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
test_rights_of_roles(void **state)
{
	static const bool may[][SHM_REGIONS] = {
	    [SHM_ROLE_SUPERVISOR] =
		{[SHM_CONTROL] = true, [SHM_COUNTERS] = true, [SHM_EVENTS] = true},
	    [SHM_ROLE_MANAGER] = {[SHM_POLICY] = true, [SHM_COUNTERS] = true, [SHM_EVENTS] = true},
	    [SHM_ROLE_WORKER] = {[SHM_SESSIONS] = true, [SHM_COUNTERS] = true, [SHM_EVENTS] = true},
	    [SHM_ROLE_SYNC] = {[SHM_CONTROL] = true,
		[SHM_SESSIONS] = true,
		[SHM_COUNTERS] = true,
		[SHM_EVENTS] = true},
	};
	struct shm made;

	(void)state;
	assert_int_equal(shm_create(&made, &plan), 0);
	for (unsigned role = 0; role < sizeof(may) / sizeof(may[0]); role++) {
		for (unsigned region = 0; region < SHM_REGIONS; region++) {
			int status = write_as(&made, role, region);

			if (may[role][region])
				assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
			else
				assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		}
	}
	shm_detach(&made);
}

static void
expect_refused(const struct shm *made)
{
	struct shm seen;
	int fd[SHM_REGIONS];

	duplicate(made, fd);
	assert_int_equal(shm_attach(&seen, fd, SHM_ROLE_WORKER), -EPROTO);
	close_all(fd); /* on failure they stay the caller's */
}

static void
test_bad_headers(void **state)
{
	struct shm made, seen;
	int fd[SHM_REGIONS];

	(void)state;
	assert_int_equal(shm_create(&made, &plan), 0);
	for (unsigned region = 0; region < SHM_REGIONS; region++) {
		struct shm_header *header = (struct shm_header *)made.base[region];
		const struct shm_header good = *header;

#define TRY(field, value)                                                                          \
	do {                                                                                       \
		header->field = (value);                                                           \
		expect_refused(&made);                                                             \
		*header = good;                                                                    \
	} while (0)
		TRY(magic, good.magic ^ 1);
		TRY(abi_major, SHM_ABI_MAJOR + 1);
		TRY(region, (region + 1) % SHM_REGIONS);
		TRY(size, good.size - 1);
		TRY(size, UINT64_MAX);
		TRY(slots, 0);
		TRY(slots, good.slots + 1);
		TRY(slots, UINT32_MAX);
		TRY(chunks, good.chunks + 1);
		TRY(chunks, UINT32_MAX);
		TRY(workers, 0);
		TRY(workers, SHM_WORKERS_MAX + 1);
		TRY(record_size, good.record_size + 8);
#undef TRY
		header->abi_minor = SHM_ABI_MINOR + 1; /* a later minor fits */
		duplicate(&made, fd);
		assert_int_equal(shm_attach(&seen, fd, SHM_ROLE_WORKER), 0);
		shm_detach(&seen);
		*header = good;
	}
	shm_detach(&made);
}

/* All headers agree with one another, but not with the memory there is. */
static void
test_headers_agree_on_a_lie(void **state)
{
	struct shm made;

	(void)state;
	assert_int_equal(shm_create(&made, &plan), 0);
	for (unsigned region = 0; region < SHM_REGIONS; region++)
		((struct shm_header *)made.base[region])->slots = 0xfffff;
	expect_refused(&made);
	shm_detach(&made);
}

static void
test_foreign_descriptors(void **state)
{
	struct shm made, seen;
	int fd[SHM_REGIONS], other, pipes[2];
	uint8_t header[sizeof(struct shm_header)];

	(void)state;
	assert_int_equal(shm_create(&made, &plan), 0);
	duplicate(&made, fd);

	other = fd[SHM_POLICY];
	fd[SHM_POLICY] = fd[SHM_EVENTS];
	assert_int_equal(shm_attach(&seen, fd, SHM_ROLE_WORKER), -EPROTO);
	fd[SHM_POLICY] = other;

	/* Right in all but the seals: it could be cut short under its readers. */
	other = fd[SHM_CONTROL];
	fd[SHM_CONTROL] = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(fd[SHM_CONTROL], (off_t)made.size[SHM_CONTROL]), 0);
	memcpy(header, made.base[SHM_CONTROL], sizeof(header));
	assert_int_equal(pwrite(fd[SHM_CONTROL], header, sizeof(header), 0), sizeof(header));
	assert_int_equal(shm_attach(&seen, fd, SHM_ROLE_WORKER), -EPROTO);
	assert_int_equal(fcntl(fd[SHM_CONTROL], F_ADD_SEALS, F_SEAL_SHRINK), 0);
	close(other);
	assert_int_equal(shm_attach(&seen, fd, SHM_ROLE_WORKER), 0);
	shm_detach(&seen);

	assert_int_equal(pipe(pipes), 0);
	duplicate(&made, fd);
	other = fd[SHM_SESSIONS];
	fd[SHM_SESSIONS] = pipes[0];
	assert_true(shm_attach(&seen, fd, SHM_ROLE_WORKER) < 0);
	close(other);
	close_all(fd);
	close(pipes[1]);
	shm_detach(&made);
}

static void
test_sealed(void **state)
{
	struct shm made;

	(void)state;
	assert_int_equal(shm_create(&made, &plan), 0);
	for (unsigned i = 0; i < SHM_REGIONS; i++) {
		assert_int_equal(ftruncate(made.fd[i], 0), -1);
		assert_int_equal(ftruncate(made.fd[i], (off_t)made.size[i] + 4096), -1);
		assert_int_equal(fcntl(made.fd[i], F_ADD_SEALS, F_SEAL_WRITE), -1);
		assert_true((fcntl(made.fd[i], F_GETFD) & FD_CLOEXEC) != 0);
	}
	shm_detach(&made);
}

/* Resident pages of the chunks and sessions right after creation. */
static void
test_untouched_at_creation(void **state)
{
	const struct shm_plan large = {.slots = 4096, .chunks = 1024, .workers = 1};
	unsigned char *resident;
	struct shm shm;
	size_t pages, bound = 0;

	(void)state;
	assert_int_equal(shm_create(&shm, &large), 0);
	pages = (shm.size[SHM_SESSIONS] + 4095) / 4096;
	resident = test_malloc(pages);
	assert_int_equal(mincore(shm.base[SHM_SESSIONS], shm.size[SHM_SESSIONS], resident), 0);
	for (size_t i = 0; i < pages; i++)
		bound += resident[i] & 1;
	assert_true(bound >= 1 && bound <= 4);
	test_free(resident);
	shm_detach(&shm);
}

static void
test_plan_fits(void **state)
{
	const uint64_t memory[] = {64ull << 20, 100ull << 20, 1ull << 30, 3ull << 30};
	struct shm_plan fit;

	(void)state;
	for (size_t i = 0; i < sizeof(memory) / sizeof(memory[0]); i++) {
		memset(&fit, 0xff, sizeof(fit));
		assert_int_equal(shm_plan_fit(memory[i], 1000, 2, &fit), 0);
		assert_int_equal(fit.slots, 1000);
		assert_true(fit.chunks >= 250);
		assert_true(shm_plan_bytes(&fit) <= memory[i]);
		fit.chunks += 3; /* nothing worth a chunk is left over, or the most is reached */
		assert_true(shm_plan_bytes(&fit) > memory[i] || fit.chunks > 33000);
	}
	assert_int_equal(shm_plan_fit(1ull << 30, 32768, 8, &fit), 0);
}

static void
test_plan_refused(void **state)
{
	const struct shm_plan before = {.slots = 1, .chunks = 2, .workers = 3};
	struct shm_plan fit = before;
	struct shm shm;

	(void)state;
	assert_int_equal(shm_plan_fit(0, 100, 1, &fit), -ENOMEM);
	assert_int_equal(shm_plan_fit(64ull << 20, 32768, 1, &fit), -ENOMEM);
	assert_int_equal(shm_plan_fit(1ull << 30, 0, 1, &fit), -EINVAL);
	assert_int_equal(shm_plan_fit(1ull << 30, 100, 0, &fit), -EINVAL);
	assert_int_equal(shm_plan_fit(1ull << 30, 100, 65, &fit), -EINVAL);
	assert_int_equal(shm_plan_fit(UINT64_MAX, UINT32_MAX, 1, &fit), -EINVAL);
	assert_memory_equal(&fit, &before, sizeof(fit));

	fit.slots = UINT32_MAX;
	assert_int_equal(shm_create(&shm, &fit), -EINVAL);
	for (unsigned i = 0; i < SHM_REGIONS; i++)
		assert_int_equal(shm.fd[i], -1);
	shm_detach(&shm);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_attached_is_shared),
	    cmocka_unit_test(test_index_out_of_range),
	    cmocka_unit_test(test_parts_lie_apart),
	    cmocka_unit_test(test_rights_of_roles),
	    cmocka_unit_test(test_bad_headers),
	    cmocka_unit_test(test_headers_agree_on_a_lie),
	    cmocka_unit_test(test_foreign_descriptors),
	    cmocka_unit_test(test_sealed),
	    cmocka_unit_test(test_untouched_at_creation),
	    cmocka_unit_test(test_plan_fits),
	    cmocka_unit_test(test_plan_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
