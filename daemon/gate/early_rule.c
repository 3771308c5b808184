#include "daemon/gate/early_rule.h"

#include "daemon/gate/nft.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <stddef.h>

static const struct nft_chain arriving = {EARLY_TABLE, "arriving", NF_INET_PRE_ROUTING, -350};

/* Where an IP header has the address that it goes to. */
static const struct place {
	uint8_t family; /* of struct shm_endpoint */
	uint32_t offset, length;
} places[NFT_FAMILIES] = {{4, 16, 4}, {6, 24, 16}};

static void
put_rules(struct nft_batch *batch, size_t family, const struct shm_endpoint *addresses,
    uint32_t count, uint16_t queue)
{
	const struct place *place = &places[family];

	for (uint32_t i = 0; i < count; i++) {
		struct nft_rule rule;

		if (addresses[i].family != place->family)
			continue;
		rule = nft_begin_rule(batch, nft_families[family], &arriving);
		nft_put_tcp(&rule);
		nft_put_header(&rule, place->offset, addresses[i].address, place->length);
		nft_put_queue(&rule, queue);
		nft_end_rule(batch, &rule);
	}
}

static int
transact(const struct shm_endpoint *addresses, uint32_t count, uint16_t queue)
{
	struct nft_batch batch;
	int error = nft_begin(&batch);

	if (error < 0)
		return error;
	for (size_t i = 0; i < NFT_FAMILIES; i++) {
		nft_make_chain(&batch, nft_families[i], &arriving);
		nft_empty_chain(&batch, nft_families[i], &arriving);
		put_rules(&batch, i, addresses, count, queue);
	}
	return nft_send(&batch);
}

int
early_rule_hold(const struct shm_endpoint *addresses, uint32_t count, uint16_t queue)
{
	return count > EARLY_RULES_MOST ? -ENOSPC : transact(addresses, count, queue);
}

int
early_rule_pass(void)
{
	return transact(NULL, 0, 0);
}

int
early_rule_check(const struct shm_endpoint *addresses, uint32_t count, bool holds)
{
	unsigned found[NFT_FAMILIES], wanted[NFT_FAMILIES] = {0};
	int error = nft_count_rules(&arriving, found);

	for (uint32_t i = 0; holds && i < count; i++)
		wanted[addresses[i].family == 6]++;
	for (size_t i = 0; i < NFT_FAMILIES && error == 0; i++)
		if (found[i] != wanted[i])
			error = -ENOENT;
	return error;
}

int
early_rule_remove(void)
{
	struct nft_batch batch;
	int error = nft_begin(&batch);

	if (error < 0)
		return error;
	for (size_t i = 0; i < NFT_FAMILIES; i++)
		nft_remove_table(&batch, nft_families[i], EARLY_TABLE);
	return nft_send(&batch);
}
