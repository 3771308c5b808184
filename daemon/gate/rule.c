#include "daemon/gate/rule.h"

#include "daemon/gate/filter.h"
#include "daemon/gate/nft.h"

#include <errno.h>
#include <linux/netfilter.h>

#define RULES 2u

/* Before connection tracking and before the rules of "mangle" and "raw". */
static const struct nft_chain output = {GATE_TABLE, "output", NF_INET_LOCAL_OUT, -350};

static void
put_rule(struct nft_batch *batch, uint8_t family, int program, uint16_t queue, bool only_listeners)
{
	const struct nft_rule rule = nft_begin_rule(batch, family, &output);

	nft_put_tcp(&rule);
	if (only_listeners)
		nft_put_mark(&rule, MARK_TAG_MASK, MARK_LISTENER);
	nft_put_filter(&rule, program);
	nft_put_queue(&rule, queue);
	nft_end_rule(batch, &rule);
}

int
gate_rule_check(void)
{
	unsigned count[NFT_FAMILIES];
	int error = nft_count_rules(&output, count);

	for (size_t i = 0; i < NFT_FAMILIES && error == 0; i++)
		if (count[i] != RULES)
			error = -ENOENT;
	return error;
}

static int
transact(int program, uint16_t queue, bool installs)
{
	struct nft_batch batch;
	int error = nft_begin(&batch);

	if (error < 0)
		return error;
	for (size_t i = 0; i < NFT_FAMILIES; i++) {
		nft_remove_table(&batch, nft_families[i], GATE_TABLE);
		if (!installs)
			continue;
		nft_make_chain(&batch, nft_families[i], &output);
		put_rule(&batch, nft_families[i], program, (uint16_t)(queue + 1), true);
		put_rule(&batch, nft_families[i], program, queue, false);
	}
	return nft_send(&batch);
}

int
gate_rule_install(int program, uint16_t queue)
{
	return transact(program, queue, true);
}

int
gate_rule_remove(void)
{
	return transact(-1, 0, false);
}
