/*
 * talk -- between the connection and the channel
 *
 * Carries messages both ways, and the time; what they mean is for news.h and feed.h.  The role machine
 * learns of the end of a conversation before the next hello.  A replica that is not whole is given up
 * with the conversation.
 *
 * Called by sync only.
 */
#ifndef DAEMON_SYNC_TALK_H
#define DAEMON_SYNC_TALK_H

#include "daemon/sync/sync.h"

/* 0 or -errno. The role machine is not needed yet. */
int talk_open(struct sync *sync);
void talk_close(struct sync *sync);

/* Once in each turn: connects, and sends what is due. */
void talk_tick(struct sync *sync);
uint64_t talk_deadline(const struct sync *sync);
/* Till then nothing that is committed would be told: no worker need wake this process.  In the past:
 * it is told at once. */
uint64_t talk_gathers_until(const struct sync *sync);

#endif
