#include "daemon/gate/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_bpf.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_ROOM 32768u

const uint8_t nft_families[NFT_FAMILIES] = {NFPROTO_IPV4, NFPROTO_IPV6};

/* ---- messages ---- */

static struct nlmsghdr *
begin(struct nft_batch *batch, uint16_t type, uint16_t flags, uint8_t family)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(mnl_nlmsg_batch_current(batch->messages));
	struct nfgenmsg *head;

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = ++batch->number;
	head = mnl_nlmsg_put_extra_header(message, sizeof(*head));
	*head = (struct nfgenmsg){.nfgen_family = family, .version = NFNETLINK_V0};
	return message;
}

static struct nlmsghdr *
begin_tables(struct nft_batch *batch, unsigned type, uint16_t flags, uint8_t family)
{
	return begin(
	    batch, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), NLM_F_ACK | flags, family);
}

static void
end(struct nft_batch *batch)
{
	if (!mnl_nlmsg_batch_next(batch->messages))
		batch->is_full = true;
}

static void
frame(struct nft_batch *batch, uint16_t type)
{
	struct nlmsghdr *message = begin(batch, type, 0, AF_UNSPEC);

	((struct nfgenmsg *)mnl_nlmsg_get_payload(message))->res_id = htons(NFNL_SUBSYS_NFTABLES);
	end(batch);
}

int
nft_begin(struct nft_batch *batch)
{
	batch->number = 0;
	batch->is_full = false;
	/* A message may begin at the end of the first half. */
	batch->messages = mnl_nlmsg_batch_start(batch->room, sizeof(batch->room) / 2);
	if (batch->messages == NULL)
		return -ENOMEM;
	frame(batch, NFNL_MSG_BATCH_BEGIN);
	return 0;
}

/* ---- tables and chains ---- */

static void
put_table(struct nft_batch *batch, unsigned type, uint16_t flags, uint8_t family, const char *table)
{
	struct nlmsghdr *message = begin_tables(batch, type, flags, family);

	mnl_attr_put_strz(message, NFTA_TABLE_NAME, table);
	end(batch);
}

/* Deleting what is not there is an error, making what is there is none. */
void
nft_remove_table(struct nft_batch *batch, uint8_t family, const char *table)
{
	put_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, family, table);
	put_table(batch, NFT_MSG_DELTABLE, 0, family, table);
}

void
nft_make_chain(struct nft_batch *batch, uint8_t family, const struct nft_chain *chain)
{
	struct nlmsghdr *message;
	struct nlattr *hook;

	put_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, family, chain->table);
	message = begin_tables(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, family);
	mnl_attr_put_strz(message, NFTA_CHAIN_TABLE, chain->table);
	mnl_attr_put_strz(message, NFTA_CHAIN_NAME, chain->name);
	mnl_attr_put_strz(message, NFTA_CHAIN_TYPE, "filter");
	mnl_attr_put_u32(message, NFTA_CHAIN_POLICY, htonl(NF_ACCEPT));
	hook = mnl_attr_nest_start(message, NFTA_CHAIN_HOOK);
	mnl_attr_put_u32(message, NFTA_HOOK_HOOKNUM, htonl(chain->hook));
	mnl_attr_put_u32(message, NFTA_HOOK_PRIORITY, htonl((uint32_t)chain->priority));
	mnl_attr_nest_end(message, hook);
	end(batch);
}

static struct nlmsghdr *
begin_of_rule(struct nft_batch *batch, unsigned type, uint16_t flags, uint8_t family,
    const struct nft_chain *chain)
{
	struct nlmsghdr *message = begin_tables(batch, type, flags, family);

	mnl_attr_put_strz(message, NFTA_RULE_TABLE, chain->table);
	mnl_attr_put_strz(message, NFTA_RULE_CHAIN, chain->name);
	return message;
}

void
nft_empty_chain(struct nft_batch *batch, uint8_t family, const struct nft_chain *chain)
{
	begin_of_rule(batch, NFT_MSG_DELRULE, 0, family, chain);
	end(batch);
}

/* ---- a rule ---- */

struct nft_rule
nft_begin_rule(struct nft_batch *batch, uint8_t family, const struct nft_chain *chain)
{
	struct nlmsghdr *message =
	    begin_of_rule(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, family, chain);

	return (struct nft_rule){message, mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS)};
}

void
nft_end_rule(struct nft_batch *batch, const struct nft_rule *rule)
{
	mnl_attr_nest_end(rule->message, rule->expressions);
	end(batch);
}

struct expression {
	struct nlmsghdr *message;
	struct nlattr *element, *data;
};

static struct expression
begin_expression(struct nlmsghdr *message, const char *name)
{
	struct expression begun = {.message = message};

	begun.element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
	mnl_attr_put_strz(message, NFTA_EXPR_NAME, name);
	begun.data = mnl_attr_nest_start(message, NFTA_EXPR_DATA);
	return begun;
}

static void
end_expression(const struct expression *begun)
{
	mnl_attr_nest_end(begun->message, begun->data);
	mnl_attr_nest_end(begun->message, begun->element);
}

static void
put_meta(struct nlmsghdr *message, uint32_t key)
{
	struct expression meta = begin_expression(message, "meta");

	mnl_attr_put_u32(message, NFTA_META_KEY, htonl(key));
	mnl_attr_put_u32(message, NFTA_META_DREG, htonl(NFT_REG_1));
	end_expression(&meta);
}

static void
put_value(struct nlmsghdr *message, uint16_t type, const void *value, size_t length)
{
	struct nlattr *data = mnl_attr_nest_start(message, type);

	mnl_attr_put(message, NFTA_DATA_VALUE, length, value);
	mnl_attr_nest_end(message, data);
}

static void
put_equals(struct nlmsghdr *message, const void *value, size_t length)
{
	struct expression compare = begin_expression(message, "cmp");

	mnl_attr_put_u32(message, NFTA_CMP_SREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(message, NFTA_CMP_OP, htonl(NFT_CMP_EQ));
	put_value(message, NFTA_CMP_DATA, value, length);
	end_expression(&compare);
}

static void
put_mask(struct nlmsghdr *message, uint32_t mask)
{
	const uint32_t nothing = 0;
	struct expression bits = begin_expression(message, "bitwise");

	mnl_attr_put_u32(message, NFTA_BITWISE_SREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(message, NFTA_BITWISE_DREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(message, NFTA_BITWISE_LEN, htonl(sizeof(mask)));
	put_value(message, NFTA_BITWISE_MASK, &mask, sizeof(mask));
	put_value(message, NFTA_BITWISE_XOR, &nothing, sizeof(nothing));
	end_expression(&bits);
}

void
nft_put_tcp(const struct nft_rule *rule)
{
	const uint8_t tcp = IPPROTO_TCP;

	put_meta(rule->message, NFT_META_L4PROTO);
	put_equals(rule->message, &tcp, sizeof(tcp));
}

void
nft_put_mark(const struct nft_rule *rule, uint32_t mask, uint32_t mark)
{
	put_meta(rule->message, NFT_META_MARK);
	put_mask(rule->message, mask);
	put_equals(rule->message, &mark, sizeof(mark));
}

void
nft_put_header(const struct nft_rule *rule, uint32_t offset, const uint8_t *octets, uint32_t length)
{
	struct nlmsghdr *message = rule->message;
	struct expression payload = begin_expression(message, "payload");

	mnl_attr_put_u32(message, NFTA_PAYLOAD_DREG, htonl(NFT_REG_1));
	mnl_attr_put_u32(message, NFTA_PAYLOAD_BASE, htonl(NFT_PAYLOAD_NETWORK_HEADER));
	mnl_attr_put_u32(message, NFTA_PAYLOAD_OFFSET, htonl(offset));
	mnl_attr_put_u32(message, NFTA_PAYLOAD_LEN, htonl(length));
	end_expression(&payload);
	put_equals(message, octets, length);
}

void
nft_put_filter(const struct nft_rule *rule, int program)
{
	const struct xt_bpf_info_v1 asked = {.mode = XT_BPF_MODE_FD_ELF, .fd = program};
	struct expression match = begin_expression(rule->message, "match");

	mnl_attr_put_strz(rule->message, NFTA_MATCH_NAME, "bpf");
	mnl_attr_put_u32(rule->message, NFTA_MATCH_REV, htonl(1));
	mnl_attr_put(rule->message, NFTA_MATCH_INFO, sizeof(asked), &asked);
	end_expression(&match);
}

/* No flag: who is not there lets nothing pass. */
void
nft_put_queue(const struct nft_rule *rule, uint16_t queue)
{
	uint8_t room[(sizeof(struct xt_NFQ_info_v3) + 7) / 8 * 8] = {0};
	const struct xt_NFQ_info_v3 to = {.queuenum = queue, .queues_total = 1};
	struct expression target = begin_expression(rule->message, "target");

	memcpy(room, &to, sizeof(to));
	mnl_attr_put_strz(rule->message, NFTA_TARGET_NAME, "NFQUEUE");
	mnl_attr_put_u32(rule->message, NFTA_TARGET_REV, htonl(3));
	mnl_attr_put(rule->message, NFTA_TARGET_INFO, sizeof(room), room);
	end_expression(&target);
}

/* ---- the kernel's word ---- */

/* Each message between the frames is answered.  The first error that the kernel names, or 0. */
static int
read_answers(int socket, uint32_t wanted)
{
	uint8_t answer[ANSWER_ROOM];
	int error = 0;

	while (wanted > 0) {
		const struct nlmsghdr *head = (const struct nlmsghdr *)answer;
		ssize_t received = recv(socket, answer, sizeof(answer), 0);
		int left = (int)received;

		if (received < 0)
			return -errno;
		for (; mnl_nlmsg_ok(head, left); head = mnl_nlmsg_next(head, &left)) {
			const struct nlmsgerr *said = mnl_nlmsg_get_payload(head);

			if (head->nlmsg_type != NLMSG_ERROR ||
			    head->nlmsg_len < mnl_nlmsg_size(sizeof(*said)))
				return -EPROTO;
			if (error == 0)
				error = said->error;
			/* An error of the whole batch is the only answer. */
			if (said->error != 0 && said->msg.nlmsg_type == NFNL_MSG_BATCH_BEGIN)
				return error;
			wanted--;
		}
	}
	return error;
}

static int
carry_out(const struct nft_batch *batch)
{
	int error, fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	if (fd < 0)
		return -errno;
	if (send(fd, mnl_nlmsg_batch_head(batch->messages), mnl_nlmsg_batch_size(batch->messages),
		0) < 0)
		error = -errno;
	else
		error = read_answers(fd, batch->number - 2);
	close(fd);
	return error;
}

int
nft_send(struct nft_batch *batch)
{
	int error;

	frame(batch, NFNL_MSG_BATCH_END);
	error = batch->is_full ? -ENOSPC : carry_out(batch);
	mnl_nlmsg_batch_stop(batch->messages);
	return error;
}

static int
ask_for_rules(int fd, uint8_t family, const struct nft_chain *chain)
{
	uint8_t room[512] = {0};
	struct nlmsghdr *message = mnl_nlmsg_put_header(room);
	struct nfgenmsg *head;

	message->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	head = mnl_nlmsg_put_extra_header(message, sizeof(*head));
	*head = (struct nfgenmsg){.nfgen_family = family, .version = NFNETLINK_V0};
	mnl_attr_put_strz(message, NFTA_RULE_TABLE, chain->table);
	mnl_attr_put_strz(message, NFTA_RULE_CHAIN, chain->name);
	return send(fd, message, message->nlmsg_len, 0) < 0 ? -errno : 0;
}

/* -errno, or the number. */
static int
hear_rules(int fd)
{
	static uint8_t answer[ANSWER_ROOM];
	int count = 0;

	for (;;) {
		const struct nlmsghdr *head = (const struct nlmsghdr *)answer;
		ssize_t received = recv(fd, answer, sizeof(answer), 0);
		int left = (int)received;

		if (received <= 0)
			return received < 0 ? -errno : -EPROTO;
		for (; mnl_nlmsg_ok(head, left); head = mnl_nlmsg_next(head, &left)) {
			if (head->nlmsg_type == NLMSG_DONE)
				return count;
			if (head->nlmsg_type == NLMSG_ERROR)
				return head->nlmsg_len < mnl_nlmsg_size(sizeof(struct nlmsgerr))
					   ? -EPROTO
					   : ((const struct nlmsgerr *)mnl_nlmsg_get_payload(head))
						 ->error;
			count += head->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE);
		}
	}
}

int
nft_count_rules(const struct nft_chain *chain, unsigned ret_count[NFT_FAMILIES])
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	int r = 0;

	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < NFT_FAMILIES && r >= 0; i++) {
		r = ask_for_rules(fd, nft_families[i], chain);
		if (r == 0)
			r = hear_rules(fd);
		if (r >= 0)
			ret_count[i] = (unsigned)r;
	}
	close(fd);
	return r < 0 ? r : 0;
}
