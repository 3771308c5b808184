#include "worker/inspect/hold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT 100u

struct scene {
	struct inspect state;
	struct inspect_policy policy;
	struct inspect_input input;
	struct inspect_output out;
	struct builder build;
};

static const uint8_t octets[512];

static void
step(struct scene *scene)
{
	output_finish(&scene->build);
	output_begin(&scene->build, &scene->state, &scene->policy, &scene->input, &scene->out);
}

static int
setup(void **state)
{
	static struct scene scene;

	memset(&scene, 0, sizeof(scene));
	scene.policy.needs = INSPECT_NEED_HOLD;
	scene.policy.header_hold = LIMIT;
	scene.input = (struct inspect_input){.from = INSPECT_CLIENT,
	    .bytes = octets,
	    .length = sizeof(octets),
	    .room = {INSPECT_EDITS_MAX, INSPECT_EDITS_MAX}};
	output_begin(&scene.build, &scene.state, &scene.policy, &scene.input, &scene.out);
	*state = &scene;
	return 0;
}

static void
test_begins_only_where_a_rule_may_refuse(void **state)
{
	struct scene *scene = *state;

	scene->policy.needs = INSPECT_NEED_HEADER;
	hold_begin(&scene->build);
	assert_int_equal(hold_room(&scene->build), 0);
	scene->policy.needs = INSPECT_NEED_HOLD;
	scene->policy.header_hold = 0;
	hold_begin(&scene->build);
	assert_int_equal(hold_room(&scene->build), 0);
	scene->policy.header_hold = LIMIT;
	scene->state.mode = INSPECT_MODE_RELAY;
	hold_begin(&scene->build);
	assert_int_equal(hold_room(&scene->build), 0);
	scene->state.mode = INSPECT_MODE_INSPECT;
	hold_begin(&scene->build);
	assert_int_equal(hold_room(&scene->build), LIMIT);
}

static void
test_counts_what_goes_to_the_server(void **state)
{
	struct scene *scene = *state;

	output_keep(&scene->build, 7);
	hold_begin(&scene->build);
	output_keep(&scene->build, 10);
	output_drop(&scene->build, 5);
	output_insert(&scene->build, INSPECT_SERVER, OUTPUT_TEXT("\r\n"));
	output_insert(&scene->build, INSPECT_CLIENT, OUTPUT_TEXT("250 Ok\r\n"));
	hold_begin(&scene->build); /* it goes on */
	output_finish(&scene->build);
	assert_int_equal(scene->out.held, 12);
	assert_int_equal(hold_room(&scene->build), LIMIT - 12);
	hold_release(&scene->build);
	output_finish(&scene->build);
	assert_int_equal(scene->out.held, 0);
	assert_int_equal(scene->out.edits[scene->out.edit_count - 1].kind, INSPECT_INSERT);
}

static void
test_the_full_length_fits_and_no_more(void **state)
{
	struct scene *scene = *state;

	hold_begin(&scene->build);
	output_keep(&scene->build, LIMIT);
	assert_int_equal(scene->state.held, LIMIT);
	step(scene);
	output_keep(&scene->build, 1);
	assert_int_equal(scene->state.held, 0);
	assert_int_equal(scene->state.hold, 0);
	output_keep(&scene->build, 1);
	output_finish(&scene->build);
	assert_int_equal(scene->out.held, 0);
}

/* The same pieces in few steps or in many end the hold at the same place. */
static void
test_pieces_do_not_depend_on_the_cuts(void **state)
{
	struct scene *scene = *state;

	for (unsigned cut = 0; cut < 2; cut++) {
		hold_begin(&scene->build);
		for (unsigned i = 0; i < HOLD_PIECES / 2; i++) {
			output_keep(&scene->build, 1);
			if (cut)
				step(scene);
			output_keep(&scene->build, 1);
			output_insert(&scene->build, INSPECT_SERVER, OUTPUT_TEXT("."));
			if (cut)
				step(scene);
			output_insert(&scene->build, INSPECT_SERVER, OUTPUT_TEXT("."));
			assert_int_equal(scene->state.held, 4 * (i + 1));
		}
		output_keep(&scene->build, 1);
		assert_int_equal(scene->state.held, 0);
		assert_int_equal(scene->state.hold, 0);
		step(scene);
	}
}

static void
test_revoke_names_all_that_is_held(void **state)
{
	struct scene *scene = *state;
	const struct inspect_edit *last;

	hold_begin(&scene->build);
	output_keep(&scene->build, 20);
	step(scene);
	output_keep(&scene->build, 3);
	hold_revoke(&scene->build);
	output_finish(&scene->build);
	assert_int_equal(scene->out.held, 0);
	assert_int_equal(scene->out.edit_count, 2);
	last = &scene->out.edits[1];
	assert_int_equal(last->kind, INSPECT_REVOKE);
	assert_int_equal(last->to, INSPECT_SERVER);
	assert_int_equal(last->length, 23);
	hold_revoke(&scene->build); /* nothing is held: nothing is said */
	assert_int_equal(scene->out.edit_count, 2);
	assert_int_equal(scene->out.consumed, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_begins_only_where_a_rule_may_refuse, setup),
	    cmocka_unit_test_setup(test_counts_what_goes_to_the_server, setup),
	    cmocka_unit_test_setup(test_the_full_length_fits_and_no_more, setup),
	    cmocka_unit_test_setup(test_pieces_do_not_depend_on_the_cuts, setup),
	    cmocka_unit_test_setup(test_revoke_names_all_that_is_held, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
