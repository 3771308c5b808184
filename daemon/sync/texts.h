/*
 * texts -- the configuration of a pair: sync's part of it
 *
 * Sync carries the texts and reads none of them.  What the manager has laid out (daemon/pair_file.h) the
 * active tells, each when it is new and all of them in a new log; what comes to the standby is laid out for
 * its manager.  The manager's verdict of the running configuration goes back the same way.
 *
 * No clock.  Called by sync only.
 */
#ifndef DAEMON_SYNC_TEXTS_H
#define DAEMON_SYNC_TEXTS_H

#include "daemon/sync/feed.h"
#include "shm/pair_texts.h"

struct texts {
	const struct shm *shm;
	struct channel *channel;
	int directory;
	struct pair_texts peer; /* as it is published */
	struct pair_texts own;	/* the manager's, as of own_seen */
	uint64_t own_seen;
	uint64_t told[PAIR_TEXT_KINDS];	   /* to the other host, in this log */
	uint64_t log;			   /* that this was: feed_logs() */
	uint64_t verdicts;		   /* of the manager that were passed on */
	uint8_t running[PAIR_DIGEST_SIZE]; /* told last */
	bool is_decided; /* the other host's manager has said what it makes of that */
};

void texts_open(struct texts *texts, const struct shm *shm, struct channel *channel, int directory);

/* A whole text has come. */
void texts_came(struct texts *texts, const struct sync_text *text);
/* The other host's manager runs by that generation; with a reason it cannot. */
void texts_decided(struct texts *texts, const struct sync_bytes *generation, const char *reason);
/* The other host has all texts that were laid out, and its manager has looked at them: each session's policy
 * is there, or it was said why not. */
bool texts_are_decided(const struct texts *texts);
/* Another conversation has begun: the answer may have been lost with the one before. */
void texts_agreed(struct texts *texts);
/* Once in each turn, behind feed_tick(). */
void texts_tick(struct texts *texts, struct feed *feed, uint64_t now_us);

#endif
