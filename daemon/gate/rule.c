#include "daemon/gate/rule.h"

#include "daemon/gate/filter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_bpf.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <string.h>
#include <unistd.h>

#define CHAIN "output"
/* Before connection tracking and before the rules of "mangle" and "raw". */
#define HOOK_PRIORITY (-350)
#define BATCH_ROOM    16384u
#define ANSWER_ROOM   32768u
#define RULES	      2u

#define FAMILIES 2u
static const uint8_t families[FAMILIES] = {NFPROTO_IPV4, NFPROTO_IPV6};

struct batch {
	struct mnl_nlmsg_batch *messages;
	uint32_t number;
	uint8_t room[BATCH_ROOM];
};

static struct nlmsghdr *
begin(struct batch *batch, uint16_t type, uint16_t flags, uint8_t family)
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
begin_tables(struct batch *batch, unsigned type, uint16_t flags, uint8_t family)
{
	return begin(
	    batch, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), NLM_F_ACK | flags, family);
}

static void
frame(struct batch *batch, uint16_t type)
{
	struct nlmsghdr *message = begin(batch, type, 0, AF_UNSPEC);

	((struct nfgenmsg *)mnl_nlmsg_get_payload(message))->res_id = htons(NFNL_SUBSYS_NFTABLES);
	mnl_nlmsg_batch_next(batch->messages);
}

static void
put_table(struct batch *batch, unsigned type, uint16_t flags, uint8_t family)
{
	struct nlmsghdr *message = begin_tables(batch, type, flags, family);

	mnl_attr_put_strz(message, NFTA_TABLE_NAME, GATE_TABLE);
	mnl_nlmsg_batch_next(batch->messages);
}

/* Deleting what is not there is an error, making what is there is none. */
static void
put_no_table(struct batch *batch, uint8_t family)
{
	put_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, family);
	put_table(batch, NFT_MSG_DELTABLE, 0, family);
}

static void
put_chain(struct batch *batch, uint8_t family)
{
	struct nlmsghdr *message = begin_tables(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, family);
	struct nlattr *hook;

	mnl_attr_put_strz(message, NFTA_CHAIN_TABLE, GATE_TABLE);
	mnl_attr_put_strz(message, NFTA_CHAIN_NAME, CHAIN);
	mnl_attr_put_strz(message, NFTA_CHAIN_TYPE, "filter");
	mnl_attr_put_u32(message, NFTA_CHAIN_POLICY, htonl(NF_ACCEPT));
	hook = mnl_attr_nest_start(message, NFTA_CHAIN_HOOK);
	mnl_attr_put_u32(message, NFTA_HOOK_HOOKNUM, htonl(NF_INET_LOCAL_OUT));
	mnl_attr_put_u32(message, NFTA_HOOK_PRIORITY, htonl((uint32_t)HOOK_PRIORITY));
	mnl_attr_nest_end(message, hook);
	mnl_nlmsg_batch_next(batch->messages);
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

static void
put_match(struct nlmsghdr *message, int program)
{
	const struct xt_bpf_info_v1 asked = {.mode = XT_BPF_MODE_FD_ELF, .fd = program};
	struct expression match = begin_expression(message, "match");

	mnl_attr_put_strz(message, NFTA_MATCH_NAME, "bpf");
	mnl_attr_put_u32(message, NFTA_MATCH_REV, htonl(1));
	mnl_attr_put(message, NFTA_MATCH_INFO, sizeof(asked), &asked);
	end_expression(&match);
}

/* No flag: who is not there lets nothing pass. */
static void
put_target(struct nlmsghdr *message, uint16_t queue)
{
	uint8_t room[(sizeof(struct xt_NFQ_info_v3) + 7) / 8 * 8] = {0};
	const struct xt_NFQ_info_v3 to = {.queuenum = queue, .queues_total = 1};
	struct expression target = begin_expression(message, "target");

	memcpy(room, &to, sizeof(to));
	mnl_attr_put_strz(message, NFTA_TARGET_NAME, "NFQUEUE");
	mnl_attr_put_u32(message, NFTA_TARGET_REV, htonl(3));
	mnl_attr_put(message, NFTA_TARGET_INFO, sizeof(room), room);
	end_expression(&target);
}

static void
put_rule(struct batch *batch, uint8_t family, int program, uint16_t queue, bool only_listeners)
{
	const uint8_t tcp = IPPROTO_TCP;
	const uint32_t listener = MARK_LISTENER;
	struct nlmsghdr *message =
	    begin_tables(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, family);
	struct nlattr *expressions;

	mnl_attr_put_strz(message, NFTA_RULE_TABLE, GATE_TABLE);
	mnl_attr_put_strz(message, NFTA_RULE_CHAIN, CHAIN);
	expressions = mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS);
	put_meta(message, NFT_META_L4PROTO);
	put_equals(message, &tcp, sizeof(tcp));
	if (only_listeners) {
		put_meta(message, NFT_META_MARK);
		put_mask(message, MARK_TAG_MASK);
		put_equals(message, &listener, sizeof(listener));
	}
	put_match(message, program);
	put_target(message, queue);
	mnl_attr_nest_end(message, expressions);
	mnl_nlmsg_batch_next(batch->messages);
}

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
send_batch(struct batch *batch)
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

static int
ask_for_rules(int fd, uint8_t family)
{
	uint8_t room[512] = {0};
	struct nlmsghdr *message = mnl_nlmsg_put_header(room);
	struct nfgenmsg *head;

	message->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	head = mnl_nlmsg_put_extra_header(message, sizeof(*head));
	*head = (struct nfgenmsg){.nfgen_family = family, .version = NFNETLINK_V0};
	mnl_attr_put_strz(message, NFTA_RULE_TABLE, GATE_TABLE);
	mnl_attr_put_strz(message, NFTA_RULE_CHAIN, CHAIN);
	return send(fd, message, message->nlmsg_len, 0) < 0 ? -errno : 0;
}

/* How many rules the chain has, or -errno. */
static int
count_rules(int fd)
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
gate_rule_check(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	int count = 0;

	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < FAMILIES && count >= 0; i++) {
		count = ask_for_rules(fd, families[i]);
		if (count == 0)
			count = count_rules(fd);
		if (count >= 0 && count != RULES)
			count = -ENOENT;
	}
	close(fd);
	return count < 0 ? count : 0;
}

static int
transact(int program, uint16_t queue, bool installs)
{
	struct batch batch = {.number = 0};
	int error;

	batch.messages = mnl_nlmsg_batch_start(batch.room, sizeof(batch.room) / 2);
	if (batch.messages == NULL)
		return -ENOMEM;
	frame(&batch, NFNL_MSG_BATCH_BEGIN);
	for (size_t i = 0; i < FAMILIES; i++) {
		put_no_table(&batch, families[i]);
		if (!installs)
			continue;
		put_table(&batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, families[i]);
		put_chain(&batch, families[i]);
		put_rule(&batch, families[i], program, (uint16_t)(queue + 1), true);
		put_rule(&batch, families[i], program, queue, false);
	}
	frame(&batch, NFNL_MSG_BATCH_END);
	error = send_batch(&batch);
	mnl_nlmsg_batch_stop(batch.messages);
	return error;
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
