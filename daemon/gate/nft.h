/*
 * nft -- rules of the packet filter in the making, by netlink and in one transaction
 *
 * nft_begin() begins a transaction, the functions behind it add to it, and nft_send() carries it out, whole or
 * not at all.  What does not fit is remembered, and nft_send() says -ENOSPC.
 *
 * The match "bpf" and the target "NFQUEUE" are those of xtables, which every kernel since 4.9 has for
 * nf_tables too (CONFIG_NFT_COMPAT); nf_tables' own "queue" is not everywhere.
 *
 * Needs CAP_NET_ADMIN.  Errors: 0 or -errno.  Called by rule.c and early_rule.c only.
 */
#ifndef GATE_NFT_H
#define GATE_NFT_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NFT_ROOM 65536u

/* The families that tables are made for. */
#define NFT_FAMILIES 2u
extern const uint8_t nft_families[NFT_FAMILIES];

struct nft_batch {
	struct mnl_nlmsg_batch *messages;
	uint32_t number;
	bool is_full;
	uint8_t room[NFT_ROOM];
};

/* A base chain that accepts, and where it is. */
struct nft_chain {
	const char *table, *name;
	uint32_t hook; /* enum nf_inet_hooks */
	int32_t priority;
};

int nft_begin(struct nft_batch *batch);
int nft_send(struct nft_batch *batch);

/* None is no error. */
void nft_remove_table(struct nft_batch *batch, uint8_t family, const char *table);
/* With its table; one that is there stays. */
void nft_make_chain(struct nft_batch *batch, uint8_t family, const struct nft_chain *chain);
/* All its rules. */
void nft_empty_chain(struct nft_batch *batch, uint8_t family, const struct nft_chain *chain);

struct nft_rule {
	struct nlmsghdr *message;
	struct nlattr *expressions;
};

/* A rule behind the others of its chain: what it asks for in its order, then what it does. */
struct nft_rule nft_begin_rule(
    struct nft_batch *batch, uint8_t family, const struct nft_chain *chain);
void nft_end_rule(struct nft_batch *batch, const struct nft_rule *rule);
void nft_put_tcp(const struct nft_rule *rule);
/* These bits of the mark are so. */
void nft_put_mark(const struct nft_rule *rule, uint32_t mask, uint32_t mark);
/* So many octets of the IP header are these. */
void nft_put_header(
    const struct nft_rule *rule, uint32_t offset, const uint8_t *octets, uint32_t length);
/* `program` is the descriptor of a filter; the rule keeps the program. */
void nft_put_filter(const struct nft_rule *rule, int program);
/* To this queue; who is not there lets nothing pass. */
void nft_put_queue(const struct nft_rule *rule, uint16_t queue);

/* How many rules it has, of each family; -ENOENT: it is not there. */
int nft_count_rules(const struct nft_chain *chain, unsigned ret_count[NFT_FAMILIES]);

#endif
