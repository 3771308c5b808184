#include "supervisor_fixture.h"

#include "daemon/supervisor/dispatch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

void
supervisor_fixture_open(struct supervisor *supervisor, const struct shm_plan *plan)
{
	supervisor->epoll = epoll_create1(EPOLL_CLOEXEC);
	assert_true(supervisor->epoll >= 0);
	dispatch_init(supervisor);
	assert_int_equal(shm_create(&supervisor->shm, plan), 0);
	assert_int_equal(custody_init(&supervisor->custody, &supervisor->shm, plan->slots), 0);
	assert_int_equal(
	    tally_init(&supervisor->tally, &supervisor->shm, &supervisor->listeners, plan->slots),
	    0);
	supervisor_look_at_clock(supervisor);
}

void
supervisor_fixture_add_worker(struct supervisor *supervisor)
{
	uint32_t worker = supervisor->workers++;

	supervisor->worker[worker].ready = true;
	supervisor->worker[worker].socket = -1;
}

void
supervisor_fixture_close(struct supervisor *supervisor)
{
	custody_fini(&supervisor->custody);
	tally_fini(&supervisor->tally);
	shm_detach(&supervisor->shm);
	close(supervisor->epoll);
}
