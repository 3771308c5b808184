/*
 * An active host's memory followed into a standby's: through the real log, codec and conversation, with
 * breaks, restarts of the standby, logs that end and journals that go on without their reader.  Nothing is
 * acknowledged that the standby does not hold, and when it is quiet both hosts have the same sessions, and
 * the standby not one chunk more.  Every run is made from its seed:
 *
 *   follow_property_test [FIRST [COUNT]]
 */
#include "daemon/sync/follower.h"

#include "daemon/sync/replica.h"
#include "proto/sync_codec.h"
#include "shm/counters.h"
#include "shm/journal.h"
#include "shm/peer_counters.h"
#include "shm/process.h"
#include "shm/release.h"
#include "shm/session_digest.h"
#include "shm/slot.h"
#include "tests/unit/commits_wait.h"
#include "tests/unit/demand.h"
#include "tests/unit/stand_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS	   1200u
#define QUIET_MOST 20000u
#define FRAMES	   64u
#define TEXT_SIZE  150000u

/* Whole frames on their way: cutting is channel_property_test's. */
struct pipe {
	unsigned first, count;
	size_t length[FRAMES];
	uint8_t *bytes[FRAMES];
};

static uint64_t seed;
static unsigned step;
static struct shm active_shm, standby_shm;
static struct stand_in stand_in;
static struct channel *active, *standby;
static struct follower *follower;
static struct replica *replica;
static struct sync_decoder *decoder;
static struct pipe to_active, to_standby;
static struct channel_time now;
static bool is_connected, is_snapshot_wanted, text_is_told;
static uint64_t heard_of[STAND_IN_WORKERS]; /* journal positions that were acknowledged */
static uint8_t text[TEXT_SIZE];
static uint32_t text_length, text_taken;

static unsigned resumes, snapshots, overs, gaps, releases, restarts;

static uint32_t
roll(uint32_t sides)
{
	return stand_in_roll(&stand_in, sides);
}

static bool
standby_has(uint32_t slot, uint32_t generation, struct record *record)
{
	return atomic_load(&shm_custody(&standby_shm, slot)->state) == SLOT_REPLICA &&
	       record_read(shm_session(&standby_shm, slot), generation, record);
}

/* What the gate hears is in the standby's memory. */
static void
released(void *owner, const struct follower_release *release)
{
	const struct slot_custody *custody = shm_custody(&active_shm, release->slot);
	struct record record;

	(void)owner;
	releases++;
	/* A slot that is free, or begun anew, may be so there too by now. */
	if (!slot_is_session(atomic_load(&custody->state)) ||
	    stand_in.session[release->slot].is_ending)
		return;
	DEMAND(standby_has(release->slot, release->generation, &record));
	DEMAND(record.sequence >= release->sequence);
	for (int leg = 0; leg < SHM_LEGS; leg++) {
		DEMAND(record.stored[leg] >= release->stored[leg]);
		DEMAND(release_slot_acknowledged(&custody->sync, release->generation) ==
		       release->sequence);
	}
}

/* What a worker hears is in the standby's memory. */
static void
check_notice(const struct stand_in_notice *notice)
{
	const struct stand_in_session *session = &stand_in.session[notice->slot];
	struct record record;

	/* A standby that has begun anew since it acknowledged is not asked. */
	if (session->birth != notice->birth || incoming_history(channel_incoming(standby)) !=
						   outgoing_history(channel_outgoing(active)))
		return;
	DEMAND(standby_has(notice->slot, session->generation, &record));
	DEMAND(record.sequence >= notice->sequence);
}

static void
check_positions(void)
{
	for (uint32_t worker = 0; worker < STAND_IN_WORKERS; worker++) {
		uint64_t position = release_acknowledged(shm_release(&active_shm), worker);

		DEMAND(position <= atomic_load(&shm_journal(&active_shm, worker)->head));
		while (heard_of[worker] < position)
			check_notice(
			    &stand_in.notice[worker][++heard_of[worker] % STAND_IN_NOTICES]);
	}
}

static void
told(void *owner, const struct channel_event *event)
{
	DEMAND(event->news != CHANNEL_REFUSED_THERE);
	if (event->news == CHANNEL_REFUSED)
		fprintf(stderr, "refused: %s\n", sync_reason_text((uint32_t)event->value));
	DEMAND(event->news != CHANNEL_REFUSED);
	switch (event->news) {
	case CHANNEL_SNAPSHOT_WANTED:
		DEMAND(owner == &active);
		is_snapshot_wanted = true;
		break;
	case CHANNEL_SNAPSHOT_BEGUN:
		replica_begin(replica);
		break;
	case CHANNEL_RESUMED:
		resumes++;
		break;
	case CHANNEL_ACKNOWLEDGED:
		follower_acknowledge(follower, event->value);
		check_positions();
		break;
	default:
		break;
	}
}

static enum sync_reason
store(void *owner, uint64_t lsn, const struct sync_entry *entry)
{
	(void)owner;
	return replica_store(replica, lsn, entry);
}

static void
take_text(void *owner, const struct sync_text *whole)
{
	(void)owner;
	DEMAND(whole->total == text_length && whole->part.length == text_length);
	DEMAND(whole->kind == SYNC_TEXT_CONFIRM && whole->left_ms == 1000);
	DEMAND(text_length == 0 || memcmp(whole->part.data, text, text_length) == 0);
	text_taken++;
}

static struct channel *
open_channel(const char *node, const char *peer, void *owner, bool is_active)
{
	struct channel_settings settings = {
	    .node = node,
	    .peer = peer,
	    .version_oldest = 1,
	    .version_newest = 1,
	    .record_oldest = record_version(),
	    .record_newest = record_version(),
	    .slots = STAND_IN_SLOTS,
	    .chunks = active_shm.chunks,
	    .side = !is_active,
	    .commit = SYNC_COMMIT_DEGRADE,
	    .log = {.history = seed * 1000,
		.hold_bytes = (2 + roll(3)) * (1u << 20),
		.hold_entries = 50 + roll(100),
		.batch_entries = 1 + roll(20),
		.batch_bytes = 1 + roll(SYNC_BATCH_BYTES_MAX)},
	    .batch_us = roll(300),
	    .bulk_us = roll(300),
	    .bulk_bytes = 1 + roll(4096),
	    .heartbeat_us = 20000,
	    .silence_us = UINT64_MAX / 2,
	    .store = store,
	    .tell = told,
	    .owner = owner,
	};
	struct channel *channel = channel_create(&settings);

	DEMAND(channel != NULL);
	channel_set_standing(channel, is_active ? SYNC_ROLE_ACTIVE : SYNC_ROLE_STANDBY, 3);
	if (!is_active)
		return channel;
	follower = follower_create(&(struct follower_settings){
	    .shm = &active_shm,
	    .channel = channel,
	    .log_entries = settings.log.hold_entries,
	    .notices_most = 1 + roll(50),
	    .walk_most = 1 + roll(5),
	    .walk_bytes = roll(1u << 18),
	    .released = released,
	});
	DEMAND(follower != NULL);
	return channel;
}

static void
open_replica(void)
{
	replica = replica_create(&(struct replica_settings){&standby_shm, take_text, NULL});
	DEMAND(replica != NULL && replica_sessions(replica) == 0);
}

static void
empty(struct pipe *pipe)
{
	for (; pipe->count > 0; pipe->count--, pipe->first++)
		free(pipe->bytes[pipe->first % FRAMES]);
}

static void
set_connected(bool connected)
{
	if (connected == is_connected)
		return;
	is_connected = connected;
	empty(&to_active);
	empty(&to_standby);
	if (connected) {
		channel_connected(active, now.now_us);
		channel_connected(standby, now.now_us);
	} else {
		channel_disconnected(active);
		channel_disconnected(standby);
	}
}

/* Another sync on the standby: it knows nothing, its memory is what the last one left. */
static void
restart_standby(void)
{
	set_connected(false);
	channel_destroy(standby);
	replica_destroy(replica);
	open_replica();
	standby = open_channel("mx2", "mx1", &standby, false);
	restarts++;
}

static void
speak(struct channel *from, struct pipe *pipe)
{
	static uint8_t frame[SYNC_FRAME_MAX];
	struct sync_message message;
	bool is_secret;
	size_t length;

	while (pipe->count < FRAMES && channel_next(from, &now, &message, &is_secret)) {
		unsigned at = (pipe->first + pipe->count++) % FRAMES;

		DEMAND(sync_encode(&message, frame, sizeof(frame), &length) == SYNC_GOOD);
		pipe->bytes[at] = malloc(length);
		DEMAND(pipe->bytes[at] != NULL);
		memcpy(pipe->bytes[at], frame, length);
		pipe->length[at] = length;
	}
}

static void
hear(struct channel *channel, struct pipe *pipe)
{
	for (uint32_t n = roll(pipe->count + 1); n > 0; n--) {
		unsigned at = pipe->first++ % FRAMES;
		struct sync_message message;
		enum sync_reason reason;
		size_t used;

		pipe->count--;
		DEMAND(sync_decode(decoder, pipe->bytes[at], pipe->length[at], &message, &used,
			   &reason) == SYNC_READY);
		channel_receive(channel, now.now_us, &message);
		free(pipe->bytes[at]);
	}
}

static void
set_mode(enum release_mode mode)
{
	release_set(shm_release(&active_shm), mode);
}

static enum release_mode
mode(void)
{
	return release_mode(release_word(shm_release(&active_shm)));
}

static void
tell_text(void)
{
	struct sync_text part = {
	    .kind = SYNC_TEXT_CONFIRM,
	    .generation = {(const uint8_t *)"a generation of thirty-two bytes", 32},
	    .saved = "now",
	    .by = "somebody",
	    .expires_ms = 1 + now.now_us / 1000,
	    .left_ms = 1000,
	    .total = text_length,
	    .part = {text, text_length},
	};

	if (follower_tell_text(follower, now.now_us, &part) == FOLLOWER_OVER)
		channel_abandon(active);
	text_is_told = true;
}

/* What the owner of the follower does, now and then. */
static void
follow(void)
{
	bool has_log = outgoing_is_open(channel_outgoing(active));

	if (!has_log && channel_state(active) == CHANNEL_TALKING)
		is_snapshot_wanted = true;
	if (is_snapshot_wanted && mode() == RELEASE_ALONE)
		set_mode(RELEASE_PAIRED);
	if (is_snapshot_wanted && channel_state(active) == CHANNEL_TALKING &&
	    follower_may_begin(follower)) {
		is_snapshot_wanted = false;
		follower_begin(follower);
		text_is_told = false;
		snapshots++;
	}
	if (follower_step(follower, now.now_us) == FOLLOWER_OVER) {
		channel_abandon(active);
		overs++;
	}
	/* Without a log it passes by, and nothing is promised. */
	if (!outgoing_is_open(channel_outgoing(active)))
		for (uint32_t worker = 0; worker < STAND_IN_WORKERS; worker++)
			heard_of[worker] = release_acknowledged(shm_release(&active_shm), worker);
	check_positions();
	if (!text_is_told && outgoing_is_open(channel_outgoing(active)))
		tell_text();
	if (roll(10) == 0 && follower_tell_counters(follower, now.now_us) == FOLLOWER_OVER)
		channel_abandon(active);
}

static void
pass_time(uint32_t slowness)
{
	now.now_us += roll(200);
	if (roll(3) == 0)
		stand_in_obey(&stand_in);
	if (roll(slowness) == 0)
		follow();
	if (!is_connected)
		return;
	speak(active, &to_standby);
	speak(standby, &to_active);
	if (roll(slowness) == 0)
		hear(standby, &to_standby);
	if (roll(slowness) == 0)
		hear(active, &to_active);
}

/* Each chunk of the standby is named by exactly one window of the slot that owns it. */
static void
check_chunks(void)
{
	uint32_t named = 0;

	for (uint32_t slot = 0; slot < standby_shm.slots; slot++) {
		const struct slot_session *session = shm_session(&standby_shm, slot);

		DEMAND(window_check_slot(session, &standby_shm, slot));
		named += session->extension.last - session->extension.first;
		for (int leg = 0; leg < SHM_LEGS; leg++)
			named += session->input[leg].last - session->input[leg].first +
				 session->text[leg].last - session->text[leg].first;
	}
	DEMAND(chunk_count_used(&standby_shm, 0, standby_shm.chunks) == named);
}

static void
check_session(uint32_t slot)
{
	struct session_digest ours, theirs;

	if (stand_in.session[slot].birth == 0) {
		DEMAND(atomic_load(&shm_custody(&standby_shm, slot)->state) == SLOT_FREE);
		return;
	}
	DEMAND(session_digest_read(&active_shm, slot, NULL, &ours));
	DEMAND(session_digest_read(
	    &standby_shm, slot, (const uint64_t(*)[STREAMS])ours.from, &theirs));
	DEMAND(theirs.sequence == ours.sequence);
	DEMAND(theirs.state == ours.state);
	DEMAND(theirs.identity == ours.identity);
	DEMAND(theirs.legs == ours.legs);
	DEMAND(memcmp(theirs.from, ours.from, sizeof(ours.from)) == 0);
	DEMAND(memcmp(theirs.bytes, ours.bytes, sizeof(ours.bytes)) == 0);
	DEMAND(memcmp(&theirs, &ours, sizeof(ours)) == 0);
}

static void
check_alike(void)
{
	static struct peer_counters told;
	uint64_t value;

	for (uint32_t slot = 0; slot < STAND_IN_SLOTS; slot++)
		check_session(slot);
	check_chunks();
	DEMAND(text_taken > 0);
	DEMAND(peer_counters_read(shm_peer_counters(&standby_shm), &told));
	DEMAND(peer_counters_get(&told, "commits", &value));
	DEMAND(value == counter_total(&active_shm, COUNTER_commits));
}

static void
disturb(void)
{
	switch (roll(400)) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
	case 5:
		set_connected(false);
		break;
	case 6:
		restart_standby();
		break;
	case 7:
	case 8:
		set_mode(RELEASE_ALONE);
		break;
	case 9:
		set_mode(RELEASE_HELD);
		break;
	case 10:
		set_mode(RELEASE_PAIRED);
		break;
	case 11:
		channel_abandon(active);
		break;
	case 12:
		stand_in.is_big = !stand_in.is_big;
		break;
	case 13:
		if (mode() == RELEASE_ALONE && roll(3) == 0) {
			stand_in_storm(&stand_in, JOURNAL_ENTRIES + 100);
			gaps++;
		}
		break;
	default:
		break;
	}
	if (!is_connected && roll(40) == 0)
		set_connected(true);
}

/* Everything that was committed is told and acknowledged. */
static bool
is_quiet(void)
{
	const struct outgoing *log = channel_outgoing(active);

	return outgoing_is_synced(log) && outgoing_acknowledged(log) == outgoing_newest(log) &&
	       !commits_wait(&active_shm) && text_is_told;
}

static void
drain(void)
{
	unsigned quiet = 0;

	set_mode(RELEASE_PAIRED);
	stand_in_obey(&stand_in);
	set_connected(true);
	/* Of what no journal tells it finds out by and by. */
	for (unsigned i = 0; i < QUIET_MOST && quiet < 200; i++, step++) {
		pass_time(2);
		quiet = is_quiet() ? quiet + 1 : 0;
	}
	DEMAND(quiet == 200);
	counter_add(shm_counters(&active_shm, 0), COUNTER_commits, 1 + roll(5));
	for (unsigned i = 0; i < 200; i++)
		pass_time(1);
	while (follower_tell_counters(follower, now.now_us), !is_quiet())
		pass_time(1);
}

static void
open_hosts(void)
{
	struct shm_plan plan = {
	    .slots = STAND_IN_SLOTS, .chunks = 200, .workers = STAND_IN_WORKERS};

	DEMAND(shm_create(&active_shm, &plan) == 0);
	plan.workers = 1;
	plan.chunks = 300;
	DEMAND(shm_create(&standby_shm, &plan) == 0);
	stand_in_init(&stand_in, &active_shm, seed);
	memset(heard_of, 0, sizeof(heard_of));
	is_connected = is_snapshot_wanted = text_is_told = false;
	text_taken = 0;
	text_length = roll(TEXT_SIZE);
	for (uint32_t i = 0; i < text_length; i++)
		text[i] = (uint8_t)('a' + roll(26));
	active = open_channel("mx1", "mx2", &active, true);
	standby = open_channel("mx2", "mx1", &standby, false);
	open_replica();
}

static void
close_hosts(void)
{
	set_connected(false);
	replica_forget_all(replica);
	DEMAND(chunk_count_used(&standby_shm, 0, standby_shm.chunks) == 0);
	DEMAND(replica_sessions(replica) == 0);
	for (uint32_t slot = 0; slot < STAND_IN_SLOTS; slot++)
		DEMAND(atomic_load(&shm_custody(&standby_shm, slot)->state) == SLOT_FREE);
	follower_destroy(follower);
	replica_destroy(replica);
	channel_destroy(active);
	channel_destroy(standby);
	shm_detach(&active_shm);
	shm_detach(&standby_shm);
}

static void
run(void)
{
	step = 0;
	open_hosts();
	uint32_t slowness = 1 + roll(6);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < STEPS / 2; i++, step++) {
			disturb();
			for (uint32_t n = roll(5); n > 0; n--)
				stand_in_live(&stand_in);
			pass_time(slowness);
		}
		drain();
		check_alike();
	}
	close_hosts();
}

int
main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 30;

	decoder = sync_decoder_create();
	if (decoder == NULL)
		return EXIT_FAILURE;
	for (seed = first; seed < first + count; seed++)
		run();
	sync_decoder_destroy(decoder);
	printf("%llu runs: %u released, %u resumes, %u snapshots, %u logs ended, %u gaps, %u "
	       "restarts\n",
	    (unsigned long long)count, releases, resumes, snapshots, overs, gaps, restarts);
	/* A run of which one of these never happens shows nothing. */
	bool is_telling = resumes > count && snapshots > 2 * count && overs > 0 && gaps > 0 &&
			  restarts > count / 2;
	return count < 20 || is_telling ? EXIT_SUCCESS : EXIT_FAILURE;
}
