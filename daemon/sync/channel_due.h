/*
 * channel_due -- what a channel has to say, and when
 *
 * In the order of its importance: Hello, a refusal, the log's Start, words of the role machine, acknowledgements,
 * heartbeats, and last what may be much, the batches.  channel_next() and channel_deadline() (channel.h) are here too.
 */
#ifndef DAEMON_SYNC_CHANNEL_DUE_H
#define DAEMON_SYNC_CHANNEL_DUE_H

#include "daemon/sync/channel.h"

/* As this host stands now. */
struct sync_hello channel_due_hello(const struct channel *channel);

#endif
