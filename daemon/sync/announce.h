/*
 * announce -- counters and texts, as entries of the log
 *
 * Counters are told by name, those that have changed since they were told last; gauges are each host's
 * own.  What a rule of a policy has counted is named by the policy's generation (counter_rule_name()).
 * Heap, taken once.  Called by the follower.
 */
#ifndef DAEMON_SYNC_ANNOUNCE_H
#define DAEMON_SYNC_ANNOUNCE_H

#include "daemon/sync/channel.h"

#include "shm/region.h"

struct announce;

/* NULL: no memory.  Both stay the owner's. */
struct announce *announce_create(const struct shm *shm, struct channel *channel);
void announce_destroy(struct announce *announce);

/* Another log, which has nothing yet. */
void announce_begin(struct announce *announce);
enum outgoing_result announce_counters(struct announce *announce, uint64_t now_us);
/* `part` is the whole text. */
enum outgoing_result announce_text(
    struct announce *announce, uint64_t now_us, const struct sync_text *text);

#endif
