/*
 * source_pool -- what mailsource is to do, how far it is, and what came of it
 *
 * Keeps the wanted number of sessions of each phase alive, hands out messages while there are any
 * left to send, and gathers the figures.
 */
#ifndef TESTS_TOOLS_SOURCE_POOL_H
#define TESTS_TOOLS_SOURCE_POOL_H

#include "tests/tools/address.h"
#include "tests/tools/histogram.h"
#include "tests/tools/oracle.h"
#include "tests/tools/sizes.h"

#include <stdbool.h>
#include <stdint.h>

struct source_options {
	struct address target;
	uint64_t seed;
	uint64_t messages;	 /* of the load; UINT64_MAX: until stopped */
	unsigned connections;	 /* of the load */
	unsigned per_connection; /* 0: any number */
	unsigned recipients;
	unsigned rate;			/* messages a second; 0: no pace */
	unsigned slow_read, slow_write; /* bytes a second; 0: as fast as it goes */
	unsigned chop;			/* bytes a write at most; 0: any number */
	unsigned abrupt;		/* of 1000 sessions, how many break off somewhere */
	uint64_t deadline_us;
	struct sizes sizes, body_sizes; /* the latter: of messages that are held half-way */
	bool pipelining;
	bool strict; /* the server is mailsink: replies are compared with its texts */
	bool tls;
	bool hurry;	   /* new sessions as fast as it goes */
	bool may_refuse;   /* a refusal is not a failure */
	bool may_lose_new; /* nor the loss of a session that has received nothing */
	const char *mark;  /* added to sender and recipient; "" */
	unsigned bdat;	   /* of 100 messages of the load, how many come in chunks */
	const char *refusal[ORACLE_OFFENCES]; /* "554 5.6.0 ...": what the policy says; NULL none */
};

struct source_figures {
	uint64_t sessions, open, done, failed, broken_off;
	uint64_t unserved, doomed; /* lost, as the run allows it */
	uint64_t doomed_reset;	   /* of those, by RST */
	uint64_t begun, given, refused, unknown, one_way, unsent, bytes;
	struct histogram command, message;
	struct histogram silence, silence_all; /* since the last mark; since the first that kept */
	struct histogram greeting, greeting_all; /* likewise, of what the sink did not hold back */
};

extern struct source_options source_options;
extern struct source_figures source_figures;

/* A phase, and how many sessions of it are wanted. */
bool source_pool_want(const char *name, unsigned count, const struct address *target);
void source_pool_start(void);
void source_pool_stop(void);	    /* no new sessions; those that are held go on */
void source_pool_pause(bool pause); /* no new sessions until it ends */
bool source_pool_idle(void);	    /* nothing is left to do */

/* For sessions: */
const struct address *source_pool_target(unsigned phase);
bool source_pool_message(void); /* is there one more to send? takes it */
uint64_t source_pool_due(void); /* when the next message may begin */
void source_pool_ended(unsigned phase);
bool source_pool_running(void);

/* For the control commands: */
void source_pool_status(void);
/* Every step-th session that is held, phase by phase. phase: a name, "all", or "own" for those
 * that wait for nothing but this. */
unsigned source_pool_go(const char *phase, unsigned step);
unsigned source_pool_reset(unsigned per_mille);
void source_pool_urgent(void);
/* What is held now is established. */
void source_pool_establish(void);
/* The sessions connected from these ports may be lost: "PORT,PORT...".  How many there are. */
unsigned source_pool_doom(char *ports);
/* Those who have waited for something so long already, as a list of JSON. */
void source_pool_waiting(uint64_t ms);
void source_pool_mark(bool keep); /* keep: what was silent so far counts in the total */
void source_pool_figures(void);

#endif
