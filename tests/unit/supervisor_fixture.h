/*
 * supervisor_fixture -- a supervisor that has its memory, and no process
 *
 * For tests of what the supervisor does with slots and descriptors.
 */
#ifndef TESTS_UNIT_SUPERVISOR_FIXTURE_H
#define TESTS_UNIT_SUPERVISOR_FIXTURE_H

#include "daemon/supervisor/supervisor.h"

/* Into one that is all zero, but for what the test has set.  The owner's are its workers, listeners and `spare`. */
void supervisor_fixture_open(struct supervisor *supervisor, const struct shm_plan *plan);
/* One that is ready, and has no socket. */
void supervisor_fixture_add_worker(struct supervisor *supervisor);
void supervisor_fixture_close(struct supervisor *supervisor);

#endif
