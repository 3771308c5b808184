#include "worker/completion_tag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
test_there_and_back(void **state)
{
	const uint32_t slots[] = {0, 1, 63, 32767, COMPLETION_SLOT_MAX};
	const uint32_t generations[] = {0, 1, 0x80000000u, UINT32_MAX};

	(void)state;
	for (unsigned operation = COMPLETION_NONE; operation <= COMPLETION_HANDOVER_SEND;
	     operation++)
		for (unsigned i = 0; i < 2 * 5 * 4; i++) {
			struct completion_tag in = {
			    .operation = (enum completion_operation)operation,
			    .leg = i % 2,
			    .slot = slots[i / 2 % 5],
			    .generation = generations[i / 10],
			};
			struct completion_tag out = completion_tag_unpack(completion_tag_pack(in));

			assert_int_equal(out.operation, in.operation);
			assert_int_equal(out.leg, in.leg);
			assert_int_equal(out.slot, in.slot);
			assert_int_equal(out.generation, in.generation);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_there_and_back)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
