/*
 * channel_harness -- two hosts of which each has a channel, joined by messages that arrive whole and in order
 *
 * For channel_test and channel_log_test; setup and teardown are cmocka's.
 */
#ifndef TESTS_UNIT_CHANNEL_HARNESS_H
#define TESTS_UNIT_CHANNEL_HARNESS_H

#include "daemon/sync/channel.h"

#define NEWS 64u

struct host {
	struct channel *channel;
	struct channel_settings settings;
	unsigned news; /* told since take_news() */
	struct channel_event event[NEWS];
	char reason[SYNC_WHY_MAX + 1]; /* of the last event that had one */
	unsigned stored;
	uint64_t stored_lsn;
	struct sync_ended last; /* the last Ended that was stored */
	enum sync_reason store_answer;
};

struct fixture {
	struct host a, b; /* a is active, where nothing else is said */
	struct channel_time time;
};

void harness_host_again(struct host *host);
int harness_setup(void **state);
int harness_teardown(void **state);
/* Whether it was told since it was asked last; its value. */
bool harness_was_told(struct host *host, enum channel_news news, uint64_t *ret_value);
unsigned harness_pump_one(struct fixture *fixture, struct host *from, struct host *to);
void harness_pump(struct fixture *fixture);
void harness_connect_hosts(struct fixture *fixture);
void harness_disconnect_hosts(struct fixture *fixture);
enum outgoing_result harness_tell_session(struct fixture *fixture, uint32_t slot, bool is_whole);
enum outgoing_result harness_tell_ended(struct fixture *fixture, uint32_t slot);
void harness_later(struct fixture *fixture, uint64_t us);
/* Connected, a snapshot of sessions 1 and 2 told and acknowledged. */
void harness_sync_hosts(struct fixture *fixture);
void harness_expect_refusal(struct fixture *fixture, enum sync_reason reason);
void harness_inject(struct fixture *fixture, struct host *to, const struct sync_message *message,
    enum sync_reason reason);

#endif
