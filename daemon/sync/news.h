/*
 * news -- what the channel tells, and what it means for the role machine and the feed
 *
 * What is told from within the channel's calls is noted, and acted upon when the call is over.  The hello
 * of the other host goes to the role machine before anything else that it says.
 *
 * Called by sync only (talk.h).
 */
#ifndef DAEMON_SYNC_NEWS_H
#define DAEMON_SYNC_NEWS_H

#include "daemon/sync/sync.h"

/* The channel's `tell` and `store`; the owner is struct sync. */
void news_note(void *owner, const struct channel_event *event);
enum sync_reason news_store(void *owner, uint64_t lsn, const struct sync_entry *entry);

/* What is done about one thing may bring the next. */
void news_act_on(struct sync *sync);
/* By this host or, is_there, by the other; enum sync_reason. */
void news_refused(struct sync *sync, bool is_there, uint64_t reason);
/* It is not whole, or has to be made anew. */
void news_replica_is_lost(struct sync *sync);
/* As it is configured, or as it calls itself. */
const char *news_peer_name(const struct sync *sync);

#endif
