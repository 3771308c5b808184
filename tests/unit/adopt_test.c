/* The checks of an adopter, on a slot in private shared memory. */
#include "worker/adopt.h"

#include "shm/chunk.h"
#include "shm/record.h"
#include "shm/region.h"

#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SLOT	   1u
#define GENERATION 5u

static struct shm shm;
static struct chunk_cache cache;
static struct slot_session *session;
static struct record record;
static struct handover_item item;

/* Client input 0..300: 200 consumed, of which 50 dropped; server was sent 60 of the 150 + 20 of
 * text; the client leg has had 10 bytes of text. */
static int
setup(void **state)
{
	struct shm_plan plan = {.slots = 4, .chunks = 16, .workers = 1};
	struct record *draft;

	(void)state;
	if (shm_create(&shm, &plan) != 0)
		return -1;
	chunk_cache_init(&cache, 1);
	session = shm_session(&shm, SLOT);
	window_append(&session->input[SHM_CLIENT], &shm, &cache, SLOT);
	window_append(&session->text[SHM_SERVER], &shm, &cache, SLOT);
	window_append(&session->text[SHM_CLIENT], &shm, &cache, SLOT);
	draft = record_begin(session, GENERATION);
	draft->position[SHM_CLIENT] = draft->stored[SHM_CLIENT] = 200;
	outlet_push(&draft->outlet[SHM_SERVER], OUTLET_KEEP, 100);
	outlet_push(&draft->outlet[SHM_SERVER], OUTLET_INSERT, 20);
	outlet_push(&draft->outlet[SHM_SERVER], OUTLET_DROP, 50);
	outlet_push(&draft->outlet[SHM_SERVER], OUTLET_KEEP, 50);
	outlet_push(&draft->outlet[SHM_CLIENT], OUTLET_INSERT, 10);
	record_publish(session, draft);
	assert_true(record_read(session, GENERATION, &record));
	item = (struct handover_item){
	    .kind = HANDOVER_ADOPT,
	    .legs = 3,
	    .consumed = {300, 0},
	    .written = {10, 60},
	    .tcp_state = {TCP_ESTABLISHED, TCP_ESTABLISHED},
	};
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	shm_detach(&shm);
	return 0;
}

static bool
holds(void)
{
	return adopt_check(&shm, SLOT, session, &record, &item);
}

static void
test_good(void **state)
{
	(void)state;
	assert_true(holds());
	item.consumed[SHM_CLIENT] = 200;
	item.written[SHM_SERVER] = 0;
	assert_true(holds());
	item.consumed[SHM_CLIENT] = SHM_CHUNK_SIZE;
	item.written[SHM_SERVER] = 170;
	assert_true(holds());
}

static void
test_written_outside_the_outlet(void **state)
{
	(void)state;
	item.written[SHM_SERVER] = 171;
	assert_false(holds());
	item.written[SHM_SERVER] = UINT64_MAX;
	assert_false(holds());
	item.written[SHM_SERVER] = 60;
	record.outlet[SHM_SERVER].written = 61;
	assert_false(holds());
}

static void
test_consumed_outside_the_window(void **state)
{
	(void)state;
	item.consumed[SHM_CLIENT] = SHM_CHUNK_SIZE + 1;
	assert_false(holds());
	/* The server has sent nothing: it has no window. */
	item.consumed[SHM_CLIENT] = 300;
	item.consumed[SHM_SERVER] = 1;
	assert_false(holds());
	/* What comes while a session ends is thrown away: it needs no window. */
	record.flags |= RECORD_DRAINING;
	assert_true(holds());
}

/* What is committed as stored and not stepped is as good as what is stepped. */
static void
test_stored_and_not_stepped(void **state)
{
	(void)state;
	record.stored[SHM_CLIENT] = 250;
	assert_true(holds());
	item.tcp_state[SHM_CLIENT] = TCP_CLOSE;
	assert_true(holds());
	record.stored[SHM_CLIENT] = SHM_CHUNK_SIZE + 1;
	assert_false(holds());
}

/* And what is stored may still lie in the kernel, but no more than was ever copied from there. */
static void
test_stored_and_not_read(void **state)
{
	(void)state;
	item.consumed[SHM_CLIENT] = 10;
	assert_true(holds());
	record.stored[SHM_CLIENT] = SHM_CHUNK_SIZE;
	assert_true(holds());
	record.stored[SHM_CLIENT] = SHM_CHUNK_SIZE + 1;
	assert_false(holds());
	record.flags |= RECORD_DRAINING;
	record.stored[SHM_CLIENT] = 10 + SHM_UNREAD_MAX;
	assert_true(holds());
	record.stored[SHM_CLIENT]++;
	assert_false(holds());
}

/* In state CLOSE the kernel's counts mean nothing. */
static void
test_closed_leg(void **state)
{
	(void)state;
	item.tcp_state[SHM_SERVER] = TCP_CLOSE;
	item.written[SHM_SERVER] = 12345;
	item.consumed[SHM_SERVER] = 1;
	assert_true(holds());
}

static void
test_output_that_is_not_held(void **state)
{
	(void)state;
	window_release_all(&session->text[SHM_SERVER], &shm, &cache, false);
	assert_false(holds());
	/* Taken by the kernel: nobody needs it any more. */
	item.written[SHM_SERVER] = 120;
	assert_true(holds());
	window_release_all(&session->input[SHM_CLIENT], &shm, &cache, false);
	item.consumed[SHM_CLIENT] = 200;
	assert_false(holds());
	item.written[SHM_SERVER] = 170;
	assert_true(holds());
}

static void
test_outlet_that_does_not_add_up(void **state)
{
	(void)state;
	record.position[SHM_CLIENT]++;
	assert_false(holds());
	record.position[SHM_CLIENT]--;
	record.outlet[SHM_SERVER].count = OUTLET_WORDS + 1;
	assert_false(holds());
}

static void
test_foreign_chunk(void **state)
{
	(void)state;
	shm_chunk_owners(&shm)[session->input[SHM_CLIENT].chunk[0]] = SLOT + 2;
	assert_false(holds());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_good, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_written_outside_the_outlet, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_consumed_outside_the_window, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_stored_and_not_stepped, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_stored_and_not_read, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_closed_leg, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_output_that_is_not_held, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_outlet_that_does_not_add_up, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_foreign_chunk, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
