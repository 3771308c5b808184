/*
 * source_steps -- the scripts that sessions follow, as tables of steps
 *
 * One script per phase; sessions of a phase differ by their variant (a running number).
 */
#ifndef TESTS_TOOLS_SOURCE_STEPS_H
#define TESTS_TOOLS_SOURCE_STEPS_H

#include "tests/tools/source_session.h"

enum source_phase {
	PHASE_LOAD,
	PHASE_BANNER,
	PHASE_COMMANDS,
	PHASE_ENVELOPE,
	PHASE_DATA,
	PHASE_FINAL,
	PHASE_TLS,
	PHASE_IDLE,
	PHASE_HALF_CLIENT,
	PHASE_HALF_SERVER,
	PHASE_URGENT,
	PHASE_RESET_CLIENT,
	PHASE_RESET_SERVER,
	PHASES,
};

const char *source_phase_name(unsigned phase);
bool source_phase_holds_body(unsigned phase);
const struct source_step *source_script(unsigned phase, unsigned variant);

/* The step after this one; NULL: the script is at its end. May take a message from the pool: call once. */
const struct source_step *source_step_next(struct source_session *session);

/* The step that leaves politely, for a session that has nothing more to do. */
const struct source_step *source_step_leave(void);

#endif
