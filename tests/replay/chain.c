#include "tests/replay/chain.h"

#include "tests/dialogue/harness.h"

#include <string.h>

enum place { NEAR_CLIENT, NEAR_SERVER, PLACES };

struct chain {
	struct harness at[PLACES];
	bool ended[PLACES][INSPECT_LEGS]; /* passed on to the neighbour */
	struct visible sent;		  /* by the first core toward the server */
	struct visible arrived;		  /* at the server, behind both */
};

static void
give(struct harness *harness, enum dialogue_kind kind, enum inspect_leg leg, const void *bytes,
    size_t length)
{
	const struct dialogue_act act = {
	    .kind = kind, .leg = leg, .bytes = (uint8_t *)bytes, .length = length};

	harness_act(harness, &act);
}

/* Hands what `from` has for its neighbour on that side over; true when there was anything. */
static bool
pass(struct chain *chain, enum place from, enum inspect_leg side)
{
	struct harness *giver = &chain->at[from], *taker = &chain->at[1 - from];
	struct harness_leg *leg = &giver->leg[side];
	enum inspect_leg as = side == INSPECT_SERVER ? INSPECT_CLIENT : INSPECT_SERVER;
	bool any = leg->output.length > 0;

	if (any) {
		if (side == INSPECT_SERVER)
			visible_raw(&chain->sent, leg->output.data, leg->output.length);
		give(taker, DIALOGUE_BYTES, as, leg->output.data, leg->output.length);
		visible_clear(&leg->output);
	}
	if (leg->ending == INSPECT_FIN && !chain->ended[from][side]) {
		chain->ended[from][side] = true;
		any = true;
		give(taker, DIALOGUE_END, as, NULL, 0);
	}
	return any;
}

static void
settle(struct chain *chain)
{
	struct visible *last = &chain->at[NEAR_SERVER].leg[INSPECT_SERVER].output;

	while (pass(chain, NEAR_CLIENT, INSPECT_SERVER) || pass(chain, NEAR_SERVER, INSPECT_CLIENT))
		;
	visible_raw(&chain->arrived, last->data, last->length);
	harness_next(&chain->at[NEAR_CLIENT]);
	harness_next(&chain->at[NEAR_SERVER]);
}

/* A leg has: what was on its way is lost, as it should be. */
static bool
has_ended(const struct harness *harness)
{
	return harness->leg[INSPECT_CLIENT].ending || harness->leg[INSPECT_SERVER].ending;
}

static bool
judge(struct chain *chain, struct visible *failure)
{
	const struct harness *first = &chain->at[NEAR_CLIENT], *second = &chain->at[NEAR_SERVER];
	bool equal = chain->sent.length == chain->arrived.length &&
		     (!chain->sent.length ||
			 memcmp(chain->sent.data, chain->arrived.data, chain->sent.length) == 0);

	if (first->failure[0] || second->failure[0])
		visible_format(failure, "%s%s", first->failure, second->failure);
	else if (has_ended(first) || has_ended(second))
		return true;
	else if (!equal)
		visible_format(failure, "the second gateway changed what the first let through");
	else if (second->tally.refusals)
		visible_format(failure, "the second gateway refused what the first let through");
	else if (first->tally.ehlo_removed)
		visible_format(failure, "an extension came through the gateway near the server");
	return failure->length == 0;
}

bool
chain_run(const struct dialogue *dialogue, struct visible *failure)
{
	static const struct harness_options whole = {0};
	struct chain chain = {0};
	bool good = true;

	if (dialogue->policy.needs & INSPECT_NEED_HOLD)
		return true; /* what the second holds has not arrived */
	if (dialogue->policy.junk_max)
		return true; /* a RSET of the first one's own counts against the client at the second */
	for (size_t i = 0; i < dialogue->count; i++)
		if (dialogue->acts[i].kind != DIALOGUE_BYTES &&
		    dialogue->acts[i].kind != DIALOGUE_END)
			return true;
	for (int i = 0; i < PLACES; i++)
		harness_init(&chain.at[i], &dialogue->policy, dialogue->mode, &whole);
	for (size_t i = 0; i < dialogue->count && good; i++) {
		bool client = dialogue->acts[i].leg == INSPECT_CLIENT;
		harness_act(&chain.at[client ? NEAR_CLIENT : NEAR_SERVER], &dialogue->acts[i]);
		settle(&chain);
		good = judge(&chain, failure);
	}
	for (int i = 0; i < PLACES; i++)
		harness_done(&chain.at[i]);
	visible_done(&chain.sent);
	visible_done(&chain.arrived);
	return good;
}
