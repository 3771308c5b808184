/*
 * Two role machines that are told anything at any time, on a network that loses, doubles and reorders,
 * with hosts that die and start again.  Under `strict` no two of them ever release output in one
 * epoch; and when the network and the hosts are well again, one serves and the other is synced.
 */
#include "daemon/sync/role.h"
#include "daemon/sync/role_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HOSTS	2
#define FLIGHTS 64
#define RUNS	5000
#define STEPS	600
#define ROUNDS	200
#define EPOCHS	4096
#define NOBODY	(-1)

enum letter_kind {
	LETTER_HELLO,
	LETTER_ENTRY,
	LETTER_ACK,
	LETTER_SYNCED,
	LETTER_ASK,
	LETTER_FROZEN,
	LETTER_NACK
};

struct letter {
	enum letter_kind kind;
	unsigned to;
	enum role_path path;
	uint64_t epoch;
	uint64_t entry;
	struct role_hello hello;
};

struct host {
	struct role role;
	struct epoch disk;
	struct epoch saving; /* RAISE_EPOCH is under way: number not 0 */
	uint64_t restoring;  /* RESTORE is under way in this epoch, 0: none */
	uint32_t timers;     /* bit n: enum role_timer n is set */
	uint64_t entries;
	bool sockets; /* some are there, or are being made */
	bool open;
	enum role_release release; /* as the actions say */
};

struct world {
	uint64_t seed;
	uint64_t random;
	unsigned step;
	enum role_policy policy;
	struct host host[HOSTS];
	unsigned letters;
	struct letter letter[FLIGHTS];
	int releaser[EPOCHS];
	uint64_t highest; /* epoch in which something was released */
	unsigned takeovers;
};

static unsigned
pick(struct world *world, unsigned count)
{
	world->random ^= world->random << 13;
	world->random ^= world->random >> 7;
	world->random ^= world->random << 17;
	return (unsigned)((world->random >> 11) % count);
}

static void
broken(const struct world *world, const char *what)
{
	const struct role *one = &world->host[0].role;
	const struct role *two = &world->host[1].role;

	fail_msg("seed %llu, step %u: %s; %s in %llu, %s in %llu", (unsigned long long)world->seed,
	    world->step, what, role_state_word(one->state),
	    (unsigned long long)one->start.epoch.number, role_state_word(two->state),
	    (unsigned long long)two->start.epoch.number);
}

static void
post(struct world *world, const struct letter *letter)
{
	if (world->letters < FLIGHTS)
		world->letter[world->letters++] = *letter;
}

static void
post_hello(struct world *world, unsigned from, enum role_path path)
{
	struct letter letter = {.kind = LETTER_HELLO, .to = 1 - from, .path = path};

	role_hello_fill(&world->host[from].role, &letter.hello);
	post(world, &letter);
}

static void
post_word(struct world *world, unsigned from, enum letter_kind kind, uint64_t entry)
{
	struct letter letter = {.kind = kind,
	    .to = 1 - from,
	    .epoch = world->host[from].role.start.epoch.number,
	    .entry = entry};

	post(world, &letter);
}

/* ---- what a host does with the actions ---- */

static void
save(struct world *world, struct host *host, const struct epoch *epoch)
{
	if (epoch->number < host->disk.number)
		broken(world, "an epoch goes back");
	host->disk = *epoch;
}

static void
carry_out(struct world *world, unsigned at, const struct role_action *action)
{
	struct host *host = &world->host[at];

	switch (action->kind) {
	case ROLE_DO_HOLD:
		host->release = ROLE_HELD;
		break;
	case ROLE_DO_RELEASE_PAIRED:
		host->release = ROLE_PAIRED;
		break;
	case ROLE_DO_RELEASE_ALONE:
		host->release = ROLE_ALONE;
		break;
	case ROLE_DO_OPEN_DOOR:
		host->open = true;
		break;
	case ROLE_DO_CLOSE_DOOR:
		host->open = false;
		break;
	case ROLE_DO_RAISE_EPOCH:
		host->saving = action->epoch;
		break;
	case ROLE_DO_SAVE_EPOCH:
		save(world, host, &action->epoch);
		break;
	case ROLE_DO_RESTORE:
		host->restoring = action->epoch.number;
		host->sockets = true;
		break;
	case ROLE_DO_SILENCE:
		host->sockets = false;
		break;
	case ROLE_DO_SAY_HELLO:
		post_hello(world, at, ROLE_PATH_SYNC);
		post_hello(world, at, ROLE_PATH_LAN);
		break;
	case ROLE_DO_ASK_FREEZE:
		post_word(world, at, LETTER_ASK, 0);
		break;
	case ROLE_DO_SAY_FROZEN:
		post_word(world, at, LETTER_FROZEN, 0);
		break;
	case ROLE_DO_SAY_SYNCED:
		post_word(world, at, LETTER_SYNCED, 0);
		break;
	case ROLE_DO_SET_TIMER:
		host->timers |= 1u << action->timer;
		break;
	default:
		break;
	}
}

static void
look_at(const struct world *world, const struct host *host)
{
	const struct role *role = &host->role;

	if (host->open != role_door_open(role->state))
		broken(world, "the door is not as the state says");
	if (host->release != role_release(role->state))
		broken(world, "what is released is not as the state says");
	if (role->track != EPOCH_TRACK_UNFIT && (role->track < -1 || role->track > EPOCH_TRACK_MAX))
		broken(world, "no such track value");
	if (host->sockets && role->state != ROLE_RAISING && !role->custody)
		broken(world, "there are sockets that nobody answers for");
	if (role->start.epoch.number > host->disk.number && role->state != ROLE_STANDALONE)
		broken(world, "an epoch is used that was not saved");
	if (world->policy == ROLE_STRICT && world->host[0].release == ROLE_ALONE &&
	    world->host[1].release == ROLE_ALONE)
		broken(world, "two hosts go on alone");
}

static void
carry_all_out(struct world *world, unsigned at, const struct role_result *result)
{
	if (result->count >= ROLE_ACTIONS_MAX)
		broken(world, "too many actions");
	for (unsigned i = 0; i < result->count; i++)
		carry_out(world, at, &result->action[i]);
	look_at(world, &world->host[at]);
}

static void
give(struct world *world, unsigned at, const struct role_input *input)
{
	struct role_result result;
	struct host *host = &world->host[at];
	uint64_t before = host->role.start.epoch.number;

	role_step(&host->role, input, &result);
	if (host->role.start.epoch.number < before)
		broken(world, "an epoch goes back");
	carry_all_out(world, at, &result);
}

static void
give_kind(struct world *world, unsigned at, enum role_input_kind kind, uint64_t epoch)
{
	struct role_input input = {.kind = kind, .epoch = epoch};

	give(world, at, &input);
}

/* What the supervisor was making for it (daemon/sync/standing.c). */
static uint64_t
restored_epoch(const struct role *role)
{
	if (role->state == ROLE_RAISING && role->replica)
		return role->next;
	return role->state == ROLE_RESTORING ? role->start.epoch.number : 0;
}

/* What was under way when the host died is done or not done. */
static void
start(struct world *world, unsigned at, bool serving)
{
	struct host *host = &world->host[at];
	struct role_start start = {.pair = true,
	    .serving = serving,
	    .side = (uint8_t)at,
	    .policy = (uint8_t)world->policy,
	    .degrade_after_ms = 500,
	    .restoring = restored_epoch(&host->role),
	    .word = (uint8_t)(serving ? ROLE_WORD_MASTER : ROLE_WORD_NONE)};
	struct role_result result;

	if (pick(world, 2) == 0)
		start.restoring = 0;

	if (host->saving.number != 0 && pick(world, 2) == 0)
		save(world, host, &host->saving);
	start.epoch = host->disk;
	snprintf(start.node, sizeof(start.node), "mx%u", at + 1);
	*host = (struct host){.disk = host->disk,
	    .entries = host->entries,
	    .sockets = host->sockets && (serving || start.restoring != 0)};
	assert_true(role_start(&host->role, &start, &result));
	carry_all_out(world, at, &result);
}

/* ---- output ---- */

static void
release(struct world *world, unsigned at, bool alone)
{
	uint64_t epoch = world->host[at].role.start.epoch.number;

	if (world->policy != ROLE_STRICT)
		return;
	if (epoch >= EPOCHS)
		broken(world, "more epochs than the test has room for");
	if (world->releaser[epoch] != NOBODY && world->releaser[epoch] != (int)at)
		broken(world, "two hosts release output in one epoch");
	/* Of an older epoch leaves only what the other has acknowledged before it took over. */
	if (alone && world->highest > epoch)
		broken(world, "a stale host goes on alone");
	world->releaser[epoch] = (int)at;
	if (epoch > world->highest)
		world->highest = epoch;
}

static void
commit_entry(struct world *world, unsigned at)
{
	struct host *host = &world->host[at];

	if (host->release == ROLE_ALONE)
		release(world, at, true);
	else if (host->release == ROLE_PAIRED)
		post_word(world, at, LETTER_ENTRY, ++host->entries);
}

static void
deliver(struct world *world, const struct letter *letter)
{
	struct host *host = &world->host[letter->to];
	uint64_t own = host->role.start.epoch.number;
	struct role_input hello = {
	    .kind = ROLE_IN_HELLO, .path = letter->path, .hello = letter->hello};

	switch (letter->kind) {
	case LETTER_HELLO:
		give(world, letter->to, &hello);
		break;
	case LETTER_ENTRY:
		if (role_follows(host->role.state) && letter->epoch == own) {
			if (host->saving.number != 0)
				broken(world, "what is acknowledged will not be restored");
			struct letter ack = {LETTER_ACK, 1 - letter->to, ROLE_PATH_SYNC,
			    letter->epoch, letter->entry, {0}};
			post(world, &ack);
		} else if (own > letter->epoch) {
			post_word(world, letter->to, LETTER_NACK, 0);
		}
		break;
	case LETTER_ACK:
		if (host->release == ROLE_PAIRED && letter->epoch == own)
			release(world, letter->to, false);
		give_kind(world, letter->to, ROLE_IN_ACKED, 0);
		break;
	case LETTER_SYNCED:
		give_kind(world, letter->to, ROLE_IN_SNAPSHOT, letter->epoch);
		break;
	case LETTER_ASK:
		give_kind(world, letter->to, ROLE_IN_PEER_ASKS, letter->epoch);
		break;
	case LETTER_FROZEN:
		give_kind(world, letter->to, ROLE_IN_PEER_FROZEN, letter->epoch);
		break;
	case LETTER_NACK:
		give_kind(world, letter->to, ROLE_IN_FENCED, letter->epoch);
		break;
	}
}

static void
take_letter(struct world *world, unsigned index, bool keep)
{
	struct letter letter = world->letter[index];

	if (!keep)
		memmove(&world->letter[index], &world->letter[index + 1],
		    (--world->letters - index) * sizeof(letter));
	deliver(world, &letter);
}

static void
finish_saving(struct world *world, unsigned at, bool good)
{
	struct host *host = &world->host[at];
	uint64_t number = host->saving.number;

	if (number == 0)
		return;
	if (good)
		save(world, host, &host->saving);
	host->saving.number = 0;
	give_kind(world, at, good ? ROLE_IN_EPOCH_SAVED : ROLE_IN_EPOCH_UNSAVED, number);
}

static void
finish_restore(struct world *world, unsigned at, bool good)
{
	uint64_t epoch = world->host[at].restoring;

	if (epoch == 0)
		return;
	world->host[at].restoring = 0;
	world->takeovers += good;
	give_kind(world, at, good ? ROLE_IN_RESTORED : ROLE_IN_RESTORE_FAILED, epoch);
}

/* ---- chaos ---- */

/* Anything that a caller could say, whether it fits or not. */
static void
say_anything(struct world *world, unsigned at)
{
	struct role_input input = {.kind = pick(world, ROLE_INPUTS),
	    .path = pick(world, ROLE_PATHS),
	    .timer = pick(world, ROLE_TIMERS),
	    .ms = pick(world, 2) * 600,
	    .epoch = world->host[at].role.start.epoch.number};

	/* Those rest on what the world has done; a snapshot is the active host's to complete. */
	bool follows = role_follows(world->host[at].role.state);
	if (input.kind == ROLE_IN_HELLO || input.kind == ROLE_IN_FENCED ||
	    input.kind == ROLE_IN_EPOCH_SAVED || input.kind == ROLE_IN_EPOCH_UNSAVED ||
	    input.kind == ROLE_IN_RESTORED || (input.kind == ROLE_IN_SNAPSHOT && follows))
		return;
	give(world, at, &input);
}

static void
stall(struct world *world, unsigned at)
{
	struct role_input input = {.kind = ROLE_IN_ACK_STALLED, .ms = 600};

	give(world, at, &input);
}

static void
network(struct world *world)
{
	unsigned what = pick(world, 50);

	if (world->letters == 0)
		return;
	unsigned flight = pick(world, world->letters);
	if (what < 3)
		world->letter[flight] = world->letter[--world->letters];
	else
		take_letter(world, what < 40 ? 0 : flight, what == 49);
}

/* What brings a host on comes often, so that there is something to break. */
static void
step(struct world *world)
{
	unsigned at = pick(world, HOSTS);
	unsigned what = pick(world, 200);

	if (what < 100)
		network(world);
	else if (what < 120)
		commit_entry(world, at);
	else if (what < 130)
		post_hello(world, at, pick(world, ROLE_PATHS));
	else if (what < 150)
		finish_saving(world, at, pick(world, 30) != 0);
	else if (what < 165)
		finish_restore(world, at, pick(world, 30) != 0);
	else if (what < 180 && role_claims(world->host[at].role.state))
		give_kind(world, at, ROLE_IN_SNAPSHOT, world->host[at].role.start.epoch.number);
	else if (what < 184)
		give_kind(world, at, pick(world, 2) ? ROLE_IN_MASTER : ROLE_IN_BACKUP, 0);
	else if (what < 190 && world->host[at].role.state == ROLE_FAULT)
		give_kind(world, at, pick(world, 2) ? ROLE_IN_FAULT_ENDS : ROLE_IN_MASTER, 0);
	else if (what < 193)
		stall(world, at);
	else if (what < 194)
		start(world, at, pick(world, 2) && world->host[at].role.custody);
	else if (what < 196)
		say_anything(world, at);
}

/* ---- and after it ---- */

/* keepalived, which has one address for the host with the higher value; the one that has it keeps it. */
struct election {
	int master;
	enum role_input_kind word[HOSTS];
};

static void
elect(struct world *world, struct election *election)
{
	int32_t track[HOSTS] = {world->host[0].role.track, world->host[1].role.track};
	bool fit[HOSTS] = {track[0] != EPOCH_TRACK_UNFIT, track[1] != EPOCH_TRACK_UNFIT};

	if (election->master == NOBODY || track[0] != track[1])
		election->master = track[1] > track[0];
	for (unsigned at = 0; at < HOSTS; at++) {
		enum role_input_kind word = !fit[at]			  ? ROLE_IN_NO_ADDRESS
					    : election->master == (int)at ? ROLE_IN_MASTER
									  : ROLE_IN_BACKUP;
		if (word != election->word[at])
			give_kind(world, at, word, 0);
		election->word[at] = word;
	}
}

static bool
is_well(const struct world *world)
{
	enum role_state one = world->host[0].role.state;
	enum role_state two = world->host[1].role.state;

	return (one == ROLE_ACTIVE && two == ROLE_SYNCED) ||
	       (one == ROLE_SYNCED && two == ROLE_ACTIVE);
}

static void
work(struct world *world, unsigned at)
{
	struct host *host = &world->host[at];
	uint32_t timers = host->timers;

	finish_saving(world, at, true);
	finish_restore(world, at, true);
	if (host->role.state == ROLE_FAULT)
		give_kind(world, at, ROLE_IN_FAULT_ENDS, 0);
	if (role_claims(host->role.state))
		give_kind(world, at, ROLE_IN_SNAPSHOT, host->role.start.epoch.number);
	host->timers = 0;
	for (unsigned timer = 0; timer < ROLE_TIMERS; timer++) {
		struct role_input input = {.kind = ROLE_IN_TIMER, .timer = timer};
		if ((timers >> timer & 1) != 0)
			give(world, at, &input);
	}
	commit_entry(world, at);
}

static void
connect_anew(struct world *world)
{
	struct role_input lost = {.kind = ROLE_IN_LOST, .path = ROLE_PATH_SYNC};

	world->letters = 0;
	for (unsigned at = 0; at < HOSTS; at++)
		give(world, at, &lost);
	world->letters = 0;
	for (unsigned at = 0; at < HOSTS; at++) {
		post_hello(world, at, ROLE_PATH_SYNC);
		post_hello(world, at, ROLE_PATH_LAN);
	}
}

static void
heal(struct world *world)
{
	struct election election = {NOBODY, {ROLE_INPUTS, ROLE_INPUTS}};

	connect_anew(world);
	for (unsigned round = 0; round < ROUNDS && !is_well(world); round++) {
		elect(world, &election);
		while (world->letters > 0)
			take_letter(world, 0, false);
		for (unsigned at = 0; at < HOSTS; at++)
			work(world, at);
	}
	if (!is_well(world))
		broken(world, "they do not find together");
}

static unsigned
run(uint64_t seed, enum role_policy policy)
{
	static struct world world;

	memset(&world, 0, sizeof(world));
	world.seed = seed;
	world.random = seed * 0x9e3779b97f4a7c15ull + 1;
	world.policy = policy;
	for (unsigned epoch = 0; epoch < EPOCHS; epoch++)
		world.releaser[epoch] = NOBODY;
	for (unsigned at = 0; at < HOSTS; at++)
		start(&world, at, false);
	for (world.step = 0; world.step < STEPS; world.step++)
		step(&world);
	heal(&world);
	return world.takeovers;
}

static void
run_all(enum role_policy policy)
{
	unsigned takeovers = 0;

	for (uint64_t seed = 1; seed <= RUNS; seed++)
		takeovers += run(seed, policy);
	print_message("%u takeovers in %u runs\n", takeovers, RUNS);
	assert_true(takeovers > RUNS / 2);
}

static void
test_strict(void **state)
{
	(void)state;
	run_all(ROLE_STRICT);
}

static void
test_degrade(void **state)
{
	(void)state;
	run_all(ROLE_DEGRADE);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_strict),
	    cmocka_unit_test(test_degrade),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
