/*
 * source_scripts -- the scripts that sessions follow, as tables of steps
 *
 * One or more per phase; sessions of a phase take turns at them by their variant (a running
 * number).
 */
#ifndef TESTS_TOOLS_SOURCE_SCRIPTS_H
#define TESTS_TOOLS_SOURCE_SCRIPTS_H

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
	PHASE_BDAT,	    /* inside of a chunk */
	PHASE_BDAT_BETWEEN, /* the client's next chunk is awaited */
	PHASE_BDAT_BINARY,  /* inside of a chunk with any octets */
	PHASE_BDAT_LAST,    /* the server's reply to the last chunk is awaited */
	PHASE_AUTH_LOGIN,   /* a response is awaited, or half of it is there */
	PHASE_AUTH_PLAIN,   /* likewise */
	PHASE_AUTH_REPLY,   /* the server's reply to the credentials is awaited */
	PHASE_REFUSED_DATA, /* the rest of refused content is drained */
	PHASE_REFUSED_BDAT, /* the rest of a refused chunk is swallowed or completed */
	PHASE_REFUSED_RSET, /* the server's reply to the gateway's own RSET is awaited */
	PHASES,
};

const char *source_phase_name(unsigned phase);
/* Its sessions are held in the middle of a message. */
bool source_phase_holds_body(unsigned phase);
/* Its messages come in chunks. */
bool source_phase_is_chunked(unsigned phase);
const struct source_step *source_script(unsigned phase, unsigned variant);

/* The step after this one; NULL: the script is at its end. May take a message from the pool: call once. */
const struct source_step *source_step_next(struct source_session *session);

/* The step that leaves politely, for a session that has nothing more to do. */
const struct source_step *source_step_leave(void);

#endif
