/*
 * talk -- between the connection and the channel, and from the channel to the role machine
 *
 * What the channel tells is noted and acted upon when the channel's call is over.  The hello of the
 * other host goes to the role machine before anything else that it says, and the end of a conversation
 * before the next hello.  A replica that is not whole is given up with the conversation.
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

#endif
