/*
 * worker_harness -- plays the supervisor for one or more worker processes
 *
 * Makes shared memory with one policy, starts the worker program on inherited descriptors, hands
 * it sessions over loopback TCP, kills it, computes what the kernel gave it and took from it, and
 * hands its sessions to another.  It can play sync and a standby too.  What the workers see of the supervisor's life is that of a process
 * that does nothing else.  Every step that fails ends the test (cmocka).
 */
#ifndef TESTS_UNIT_WORKER_HARNESS_H
#define TESTS_UNIT_WORKER_HARNESS_H

#include "shm/handover.h"
#include "shm/region.h"
#include "shm/slot.h"
#include "tests/tools/standby.h"

#include <sys/types.h>

#define HARNESS_SLOTS	64u
#define HARNESS_CHUNKS	512u
#define HARNESS_WORKERS 2u
#define HARNESS_LOOK_MS 20
#define HARNESS_LOOKS	1500u /* so many of them is patience with a machine that is busy */

struct harness_worker {
	pid_t pid; /* 0 none */
	int socket;
	uint32_t owner;
	bool ready;
	uint32_t greeting; /* READY must answer it */
};

struct harness_session {
	bool used;
	bool finished; /* the worker has said so */
	uint32_t generation;
	int peer[SHM_LEGS]; /* our ends: the client and the mail server */
	int kept[SHM_LEGS]; /* the gateway's ends, as the supervisor keeps them */
	uint32_t resets;    /* HANDOVER_LEG() bits that the worker asked for */
};

struct harness {
	const char *program;
	struct shm shm;
	uint32_t serial;
	uint64_t session_id;
	pid_t supervisor;  /* 0 dead */
	bool deaf;	   /* FINISHED and RESET are read and not acted on */
	bool bounds_input; /* of the legs that are made: as in a pair */
	int journal;	   /* the eventfds of shm/release.h */
	int release[HARNESS_WORKERS];
	struct standby standby;
	pid_t acknowledging; /* the process that does; 0 none */
	struct harness_worker worker[HARNESS_WORKERS];
	struct harness_session session[HARNESS_SLOTS];
};

void harness_open(struct harness *harness, const char *program);
void harness_close(struct harness *harness);

void harness_start(struct harness *harness, unsigned index);
/* Kills and reaps. Returns the wait status. */
int harness_kill(struct harness *harness, unsigned index, int signal);

/* The supervisor dies; another one greets all workers and waits for their answers. */
void harness_supervisor_dies(struct harness *harness);
void harness_supervisor_greets(struct harness *harness);

/* How commits are released from now on; all workers have seen it. */
void harness_release(struct harness *harness, enum release_mode mode);
/* Everything that is in the journals now is acknowledged. */
void harness_acknowledge(struct harness *harness);
/* So it is from now on, each entry after so long, by a process of its own; and no longer.  With the
 * variable HARNESS_PAIRED (milliseconds) it is so from the beginning. */
#define HARNESS_PAIRED "SMTPGUARD_TEST_PAIRED"
void harness_acknowledge_always(struct harness *harness, unsigned delay_ms);
void harness_acknowledge_nothing(struct harness *harness);

/* Makes the four ends and hands the client leg over; the server leg only with `server`. */
void harness_session_open(
    struct harness *harness, unsigned index, uint32_t slot, enum slot_mode mode, bool server);
/* Of a session that was opened without it. */
void harness_server_open(struct harness *harness, unsigned index, uint32_t slot);
void harness_server_failed(struct harness *harness, unsigned index, uint32_t slot, int32_t error);
void harness_say(struct harness *harness, unsigned index, enum handover_kind kind, uint32_t slot);
/* Every unfinished session to worker `index`, with the kernel's counts. */
void harness_adopt_all(struct harness *harness, unsigned index, uint8_t flags);
void harness_adopt(struct harness *harness, unsigned index, uint32_t slot, uint8_t flags);
/* The session to worker `index`, without its connections. */
void harness_lose(struct harness *harness, unsigned index, uint32_t slot);

/* Takes in what workers have said: READY, RESET (carried out), FINISHED. Waits at most wait_ms for
 * the first of it. */
void harness_listen(struct harness *harness, int wait_ms);
/* Listens for a moment; false after HARNESS_LOOKS of them, when whoever waits for something gives up. */
bool harness_look(struct harness *harness, unsigned *looks);
/* Listens until the session is finished. */
void harness_wait_finished(struct harness *harness, uint32_t slot);

/* Our ends. The text is written or must be read exactly. */
void harness_write(struct harness *harness, uint32_t slot, enum shm_leg leg, const char *text);
void harness_expect(struct harness *harness, uint32_t slot, enum shm_leg leg, const char *text);
/* Reads one line, which must begin so. */
void harness_expect_line(
    struct harness *harness, uint32_t slot, enum shm_leg leg, const char *beginning);
/* Writes zeros to the leg until the worker has stopped reading it, because the other leg takes no
 * more. Returns how many. */
uint64_t harness_fill(struct harness *harness, uint32_t slot, enum shm_leg leg);
/* What was sent on this leg waits for the worker, which sleeps, because the other leg does not take what it has. */
bool harness_is_stopped(const struct harness *harness, uint32_t slot, enum shm_leg leg);
/* Nothing comes from the leg for so long. */
void harness_expect_silence(struct harness *harness, uint32_t slot, enum shm_leg leg, int wait_ms);
/* The leg's end is read: 0 FIN, else the errno. */
int harness_expect_end(struct harness *harness, uint32_t slot, enum shm_leg leg);

#endif
