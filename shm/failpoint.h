/*
 * failpoint -- test builds only: a process kills itself at a named place
 *
 * FAILPOINT(name) costs nothing unless the build has SMTPGUARD_FAILPOINTS.  The plan lies in
 * control (the supervisor writes it on request of a test): one process, a worker by its owner word,
 * raises SIGKILL at its n-th pass of the point after the plan was made.  It does so by one kill()
 * of the pid seen by failpoint_attach(), which a locked-down worker's filter must let through.
 *
 * A supervisor takes the plan back before it dies: a point of the taking over is reached by the
 * supervisor after the one that was asked, and not once more by the one after that.  A manager's it
 * takes back when that one has died.
 */
#ifndef SHM_FAILPOINT_H
#define SHM_FAILPOINT_H

#include <stdatomic.h>
#include <stdint.h>

/* The places of a worker's life at which a death is tried. */
#define FAILPOINTS_OF_WORKER(X)                                                                    \
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

/* Those of a supervisor, beginning with what it does when it takes over. */
#define FAILPOINTS_OF_SUPERVISOR(X)                                                                \
	X(collect_memory)    /* the memory is mapped */                                            \
	X(collect_workers)   /* the workers' sockets are taken */                                  \
	X(collect_slots)     /* the slots are read */                                              \
	X(collect_sockets)   /* the connections are taken */                                       \
	X(collect_listeners) /* the listeners are taken */                                         \
	X(collect_greeted)   /* the workers are greeted */                                         \
	X(collect_answered)  /* one has answered */                                                \
	X(collect_settled)   /* what it has is known */                                            \
	X(collect_died)	     /* one is dead and has not answered */                                \
	X(launch_held)	     /* a process is there, not noted and held back */                     \
	X(launch_noted)	     /* it is noted, and held back */                                      \
	X(slot_taken)	     /* a slot has its number and is not published */                      \
	X(leg_in_repair)     /* a leg is being dumped: if it were closed now, nobody would hear */ \
	X(slot_published)    /* it is, and has no owner yet */                                     \
	X(slot_owned)	     /* its worker is to be told */                                        \
	X(server_connecting) /* the server's leg is under way */                                   \
	X(server_open)	     /* it stands and nothing is written of it */                          \
	X(server_published)  /* its worker is to be told */                                        \
	X(packet_sent)	     /* a worker was told, nothing is noted */                             \
	X(request_read)	     /* a worker's request was read and is not carried out */              \
	X(leg_reset)	     /* an RST has left, nothing is noted */                               \
	X(slot_ending)	     /* the slot is ENDING, its legs are not closed */                     \
	X(slot_closed)	     /* its legs are, it is not FREE */                                    \
	X(worker_reaped)     /* a worker is dead, its sessions are not given away */               \
	X(slot_orphaned)     /* one of them is nobody's */                                         \
	X(upgrade_flushed)   /* the workers are told everything */                                 \
	X(upgrade_noted)     /* the workers are to be replaced */                                  \
	X(upgrade_replaces)  /* one is about to be ended */

/* Those of a supervisor that takes over the sessions of the other host. */
#define FAILPOINTS_OF_TAKEOVER(X)                                                                  \
	X(takeover_begun)    /* the other host's sessions are known, none is made */               \
	X(takeover_made)     /* their connections are, and no slot is taken */                     \
	X(takeover_taken)    /* all slots are, and sync was not told */                            \
	X(takeover_shelving) /* their connections lie on shelves, and nobody was told */           \
	X(takeover_opening)  /* sync asks for the door to be opened */                             \
	X(takeover_opened)   /* it is open, and no peer was asked */                               \
	X(takeover_handing)  /* a peer was asked, and its session handed on if it may go on */     \
	X(takeover_asked)    /* all peers were asked */                                            \
	X(takeover_remade)   /* a connection was made again from where its peer stands */

/* Those of a manager that changes the configuration or saves it. */
#define FAILPOINTS_OF_MANAGER(X)                                                                   \
	X(policy_filling)  /* a policy slot is being filled */                                     \
	X(change_placed)   /* the compiled images are in place */                                  \
	X(change_listed)   /* the listener table is written, the supervisor was not asked */       \
	X(change_applied)  /* the supervisor has it, the old table is not retired */               \
	X(commit_prepared) /* the history has what runs, the confirm timer is set */               \
	X(commit_live)	   /* the candidate runs, and is a candidate still */                      \
	X(change_taken)	   /* it is the running configuration, not noted yet */                    \
	X(file_written)	   /* a temporary file is whole, not in its place */                       \
	X(file_linked)	   /* startup-config is in the history too */                              \
	X(file_placed)	   /* a file is in its place, not synced */                                \
	X(file_erased)	   /* the history has moved, startup-config is not gone */

#define FAILPOINTS(X)                                                                              \
	FAILPOINTS_OF_WORKER(X)                                                                    \
	FAILPOINTS_OF_SUPERVISOR(X)                                                                \
	FAILPOINTS_OF_TAKEOVER(X)                                                                  \
	FAILPOINTS_OF_MANAGER(X)

enum failpoint {
#define X(name) FAILPOINT_##name,
	FAILPOINTS(X)
#undef X
	    FAILPOINT_COUNT
};

struct failpoint_plan {
	_Atomic uint32_t serial; /* rises with each plan; 0 = none */
	_Atomic uint32_t
	    owner; /* owner word of the worker that is to die, or one of FAILPOINT_... */
	_Atomic uint32_t point; /* enum failpoint */
	_Atomic uint32_t pass;	/* 1 = at the first pass */
};

/* No worker's owner word. */
#define FAILPOINT_SUPERVISOR (UINT32_MAX - 1)
#define FAILPOINT_MANAGER    (UINT32_MAX - 2)

const char *failpoint_name(unsigned point); /* NULL: no such point */
void failpoint_attach(const struct failpoint_plan *plan, uint32_t owner);
/* The supervisor. */
void failpoint_attach_once(struct failpoint_plan *plan);
/* The process of that owner word has died: a plan for it holds no more. */
void failpoint_retire(struct failpoint_plan *plan, uint32_t owner);
void failpoint_pass(enum failpoint point);

#ifdef SMTPGUARD_FAILPOINTS
#define FAILPOINT(name) failpoint_pass(FAILPOINT_##name)
#else
#define FAILPOINT(name) ((void)0)
#endif

#endif
