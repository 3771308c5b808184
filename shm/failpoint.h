/*
 * failpoint -- test builds only: a process kills itself at a named place
 *
 * FAILPOINT(name) costs nothing unless the build has SMTPGUARD_FAILPOINTS.  The plan lies in
 * control (the supervisor writes it on request of a test): one worker, named by its owner word,
 * raises SIGKILL at its n-th pass of the point after the plan was made.  It does so by one kill()
 * of the pid seen by failpoint_attach(), which a locked-down worker's filter must let through.
 */
#ifndef SHM_FAILPOINT_H
#define SHM_FAILPOINT_H

#include <stdatomic.h>
#include <stdint.h>

/* FAILPOINTS(X): the places of a worker's life at which a death is tried. */
#define FAILPOINTS(X)                                                                              \
	X(received)	  /* bytes are in the chunk, nothing stepped */                            \
	X(before_step)	  /* the step is published */                                              \
	X(after_step)	  /* the core has answered, the record is not published */                 \
	X(before_publish) /* the record is sealed */                                               \
	X(after_publish)  /* committed, nothing acted on */                                        \
	X(before_send)	  /* the send is prepared */                                               \
	X(after_send)	  /* the kernel has taken it, nothing is noted */                          \
	X(before_end)	  /* an ending is committed, not carried out */                            \
	X(after_end)	  /* carried out, not reported */                                          \
	X(finished)	  /* FINISHED is committed, not reported */                                \
	X(opened)	  /* a client leg was received, no record yet */                           \
	X(adopt_received) /* an adopted session's descriptors are here */                          \
	X(adopt_checked)  /* its record was read and checked */                                    \
	X(adopt_done)	  /* its outputs are sent on */

enum failpoint {
#define X(name) FAILPOINT_##name,
	FAILPOINTS(X)
#undef X
	    FAILPOINT_COUNT
};

struct failpoint_plan {
	_Atomic uint32_t serial; /* rises with each plan; 0 = none */
	_Atomic uint32_t owner;	 /* owner word of the worker that is to die */
	_Atomic uint32_t point;	 /* enum failpoint */
	_Atomic uint32_t pass;	 /* 1 = at the first pass */
};

const char *failpoint_name(unsigned point); /* NULL: no such point */
void failpoint_attach(const struct failpoint_plan *plan, uint32_t owner);
void failpoint_pass(enum failpoint point);

#ifdef SMTPGUARD_FAILPOINTS
#define FAILPOINT(name) failpoint_pass(FAILPOINT_##name)
#else
#define FAILPOINT(name) ((void)0)
#endif

#endif
