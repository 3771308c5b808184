#include "daemon/supervisor/door_netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#define BUFFER_SIZE	65536
#define REQUEST_SIZE	2048
#define SEQUENCE	1 /* of everything: each socket says one thing */
#define ATTRIBUTES_MAX	32
#define READ_TRIES	5
#define COMMENT_IN_DATA 0 /* type of a comment among a rule's user data, as nft(8) writes it */

/* ---- what is said ---- */

struct request {
	_Alignas(struct nlmsghdr) uint8_t bytes[REQUEST_SIZE];
	size_t length;
	struct nlmsghdr *last;
};

static void
begin_message(struct request *request, uint16_t type, uint16_t flags, uint8_t family, uint16_t id)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(request->bytes + request->length);
	struct nfgenmsg *more = mnl_nlmsg_put_extra_header(header, sizeof(*more));

	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	header->nlmsg_seq = SEQUENCE;
	more->nfgen_family = family;
	more->version = NFNETLINK_V0;
	more->res_id = htons(id);
	request->last = header;
}

static void
end_message(struct request *request)
{
	request->length += MNL_ALIGN(request->last->nlmsg_len);
}

static void
begin_nft(struct request *request, unsigned message, uint16_t flags)
{
	begin_message(
	    request, (NFNL_SUBSYS_NFTABLES << 8) | (uint16_t)message, flags, NFPROTO_INET, 0);
}

static void
put_batch_edge(struct request *request, uint16_t type)
{
	begin_message(request, type, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	end_message(request);
}

/* ---- what is heard ---- */

static int
open_socket(struct mnl_socket **ret_socket)
{
	const struct timeval wait = {
	    .tv_sec = DOOR_NETLINK_MS / 1000, .tv_usec = DOOR_NETLINK_MS % 1000 * 1000};
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);

	if (!socket)
		return -errno;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) <
		0) {
		int error = errno;

		mnl_socket_close(socket);
		return -error;
	}
	*ret_socket = socket;
	return 0;
}

/* Until the acknowledgement, the end of the list or an error. */
static int
hear(const struct mnl_socket *socket, mnl_cb_t take, void *context)
{
	_Alignas(struct nlmsghdr) uint8_t buffer[BUFFER_SIZE];
	int r = MNL_CB_OK;

	while (r > MNL_CB_STOP) {
		ssize_t length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));

		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		r = mnl_cb_run(
		    buffer, (size_t)length, SEQUENCE, mnl_socket_get_portid(socket), take, context);
	}
	return r < 0 ? -errno : 0;
}

static int
talk(const struct request *request, mnl_cb_t take, void *context)
{
	struct mnl_socket *socket = NULL;
	int r = open_socket(&socket);

	if (r < 0)
		return r;
	if (mnl_socket_sendto(socket, request->bytes, request->length) < 0)
		r = -errno;
	else
		r = hear(socket, take, context);
	mnl_socket_close(socket);
	return r;
}

struct attributes {
	const struct nlattr *of[ATTRIBUTES_MAX]; /* by type */
};

static int
note_attribute(const struct nlattr *attribute, void *context)
{
	struct attributes *attributes = context;
	uint16_t type = mnl_attr_get_type(attribute);

	if (type < ATTRIBUTES_MAX)
		attributes->of[type] = attribute;
	return MNL_CB_OK;
}

/* libmnl sees to it that none reaches beyond the message. */
static struct attributes
attributes_of(const struct nlmsghdr *message)
{
	struct attributes attributes = {{0}};

	mnl_attr_parse(message, sizeof(struct nfgenmsg), note_attribute, &attributes);
	return attributes;
}

static struct attributes
attributes_in(const struct nlattr *nest)
{
	struct attributes attributes = {{0}};

	if (nest)
		mnl_attr_parse_nested(nest, note_attribute, &attributes);
	return attributes;
}

static bool
read_number(const struct nlattr *attribute, uint32_t *ret_number)
{
	if (!attribute || mnl_attr_validate(attribute, MNL_TYPE_U32) < 0)
		return false;
	*ret_number = ntohl(mnl_attr_get_u32(attribute));
	return true;
}

/* ---- generation ---- */

struct number {
	bool found;
	uint32_t value;
};

static int
take_generation(const struct nlmsghdr *message, void *context)
{
	struct attributes attributes = attributes_of(message);
	struct number *number = context;

	number->found = read_number(attributes.of[NFTA_GEN_ID], &number->value);
	return MNL_CB_OK;
}

int
door_netlink_generation(uint32_t *ret_generation)
{
	struct request request = {.length = 0};
	struct number number = {0};
	int r;

	begin_nft(&request, NFT_MSG_GETGEN, NLM_F_ACK);
	end_message(&request);
	r = talk(&request, take_generation, &number);
	if (r == 0 && !number.found)
		r = -EPROTO;
	if (r == 0)
		*ret_generation = number.value;
	return r;
}

/* ---- table, sets, chains ---- */

static int
take_table(const struct nlmsghdr *message, void *context)
{
	struct attributes attributes = attributes_of(message);
	struct number *number = context;

	number->found = true;
	read_number(attributes.of[NFTA_TABLE_FLAGS], &number->value);
	return MNL_CB_OK;
}

static int
take_set(const struct nlmsghdr *message, void *context)
{
	struct number *number = context;

	(void)message;
	number->found = true;
	return MNL_CB_OK;
}

/* A base chain counts if it is called where it has to be. */
static int
take_chain(const struct nlmsghdr *message, void *context)
{
	struct attributes attributes = attributes_of(message);
	struct attributes hook = attributes_in(attributes.of[NFTA_CHAIN_HOOK]);
	struct number *number = context;
	uint32_t place = DOOR_NO_HOOK, priority = 0;

	read_number(hook.of[NFTA_HOOK_HOOKNUM], &place);
	read_number(hook.of[NFTA_HOOK_PRIORITY], &priority);
	number->found =
	    place == number->value && (place == DOOR_NO_HOOK || (int32_t)priority == DOOR_PRIORITY);
	return MNL_CB_OK;
}

/* One thing by its name; not being there is an answer. name: NULL for the table itself. */
static int
ask_for(unsigned message, uint16_t table_type, uint16_t name_type, const char *name, mnl_cb_t take,
    struct number *number)
{
	struct request request = {.length = 0};
	int r;

	begin_nft(&request, message, NLM_F_ACK);
	mnl_attr_put_strz(request.last, table_type, DOOR_TABLE);
	if (name)
		mnl_attr_put_strz(request.last, name_type, name);
	end_message(&request);
	r = talk(&request, take, number);
	return r == -ENOENT ? 0 : r;
}

static int
read_table(struct door_reading *reading)
{
	struct number number = {0};
	int r = ask_for(NFT_MSG_GETTABLE, NFTA_TABLE_NAME, 0, NULL, take_table, &number);

	reading->table = number.found;
	reading->dormant = (number.value & NFT_TABLE_F_DORMANT) != 0;
	return r;
}

static int
read_set(struct door_reading *reading, enum door_set set)
{
	struct number number = {0};
	int r = ask_for(
	    NFT_MSG_GETSET, NFTA_SET_TABLE, NFTA_SET_NAME, door_set_name(set), take_set, &number);

	reading->set[set] = number.found;
	return r;
}

static int
read_chain(struct door_reading *reading, enum door_chain chain)
{
	struct number number = {.value = door_chain_hook(chain)};
	int r = ask_for(NFT_MSG_GETCHAIN, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME, door_chain_name(chain),
	    take_chain, &number);

	reading->chain[chain] = number.found;
	return r;
}

/* ---- rules ---- */

struct rules {
	struct door_reading *reading;
	enum door_chain chain;
};

/* The comment among a rule's user data: type, length, bytes with a NUL; NULL: none. */
static const char *
comment_of(const struct nlattr *data)
{
	const uint8_t *at;
	size_t left;

	if (!data)
		return NULL;
	at = mnl_attr_get_payload(data);
	left = mnl_attr_get_payload_len(data);
	while (left >= 2 && left - 2 >= at[1]) {
		size_t length = at[1];

		if (at[0] == COMMENT_IN_DATA)
			return length > 0 && at[1 + length] == '\0' ? (const char *)at + 2 : NULL;
		at += 2 + length;
		left -= 2 + length;
	}
	return NULL;
}

static bool
is_of_chain(const struct attributes *attributes, enum door_chain chain)
{
	const struct nlattr *table = attributes->of[NFTA_RULE_TABLE];
	const struct nlattr *name = attributes->of[NFTA_RULE_CHAIN];

	return table && name && mnl_attr_validate(table, MNL_TYPE_NUL_STRING) == 0 &&
	       mnl_attr_validate(name, MNL_TYPE_NUL_STRING) == 0 &&
	       strcmp(mnl_attr_get_str(table), DOOR_TABLE) == 0 &&
	       strcmp(mnl_attr_get_str(name), door_chain_name(chain)) == 0;
}

static int
take_rule(const struct nlmsghdr *message, void *context)
{
	struct rules *rules = context;
	struct door_reading *reading = rules->reading;
	struct attributes attributes = attributes_of(message);
	unsigned place = reading->rules[rules->chain];
	const struct door_rule *wanted = door_rule_at(rules->chain, place);
	const char *comment = comment_of(attributes.of[NFTA_RULE_USERDATA]);

	if (!is_of_chain(&attributes, rules->chain))
		return MNL_CB_OK;
	if (!reading->strange[rules->chain] &&
	    (!wanted || !comment || strcmp(comment, wanted->comment) != 0)) {
		reading->strange[rules->chain] = true;
		reading->at[rules->chain] = place;
	}
	reading->rules[rules->chain]++;
	return MNL_CB_OK;
}

static int
read_rules(struct door_reading *reading, enum door_chain chain)
{
	struct request request = {.length = 0};
	struct rules rules = {reading, chain};

	begin_nft(&request, NFT_MSG_GETRULE, NLM_F_DUMP);
	mnl_attr_put_strz(request.last, NFTA_RULE_TABLE, DOOR_TABLE);
	mnl_attr_put_strz(request.last, NFTA_RULE_CHAIN, door_chain_name(chain));
	end_message(&request);
	return talk(&request, take_rule, &rules);
}

/* ---- elements ---- */

static void
note_key(struct door_reading *reading, const uint8_t *key, size_t length)
{
	struct shm_endpoint *address = &reading->address[reading->addresses];

	if (length == 1 && key[0] == NFPROTO_IPV4) {
		reading->open |= DOOR_BIT(DOOR_IPV4);
	} else if (length == 1 && key[0] == NFPROTO_IPV6) {
		reading->open |= DOOR_BIT(DOOR_IPV6);
	} else if ((length == 4 || length == 16) && reading->addresses < SETTINGS_ADDRESSES_MAX) {
		*address = (struct shm_endpoint){.family = length == 4 ? 4 : 6};
		memcpy(address->address, key, length);
		reading->addresses++;
	}
}

static int
take_elements(const struct nlmsghdr *message, void *context)
{
	struct attributes attributes = attributes_of(message);
	const struct nlattr *list = attributes.of[NFTA_SET_ELEM_LIST_ELEMENTS], *one;

	if (!list)
		return MNL_CB_OK;
	mnl_attr_for_each_nested(one, list)
	{
		struct attributes element = attributes_in(one);
		struct attributes key = attributes_in(element.of[NFTA_SET_ELEM_KEY]);
		const struct nlattr *value = key.of[NFTA_DATA_VALUE];

		if (value)
			note_key(
			    context, mnl_attr_get_payload(value), mnl_attr_get_payload_len(value));
	}
	return MNL_CB_OK;
}

static void
put_set(struct request *request, enum door_set set)
{
	mnl_attr_put_strz(request->last, NFTA_SET_ELEM_LIST_TABLE, DOOR_TABLE);
	mnl_attr_put_strz(request->last, NFTA_SET_ELEM_LIST_SET, door_set_name(set));
}

static int
read_elements(struct door_reading *reading, enum door_set set)
{
	struct request request = {.length = 0};

	begin_nft(&request, NFT_MSG_GETSETELEM, NLM_F_DUMP);
	put_set(&request, set);
	end_message(&request);
	return talk(&request, take_elements, reading);
}

static int
read_parts(struct door_reading *reading)
{
	int r = read_table(reading);

	if (r < 0 || !reading->table)
		return r;
	for (unsigned i = 0; i < DOOR_SETS && r == 0; i++) {
		r = read_set(reading, (enum door_set)i);
		if (r == 0 && reading->set[i])
			r = read_elements(reading, (enum door_set)i);
	}
	for (unsigned i = 0; i < DOOR_CHAINS && r == 0; i++) {
		r = read_chain(reading, (enum door_chain)i);
		if (r == 0 && reading->chain[i])
			r = read_rules(reading, (enum door_chain)i);
	}
	return r;
}

/* Somebody changes nftables meanwhile: a list was cut short, or what was there is not any more. */
int
door_netlink_read(struct door_reading *ret_reading)
{
	int r = -EINTR;

	for (int i = 0; i < READ_TRIES && (r == -EINTR || r == -ENOENT); i++) {
		memset(ret_reading, 0, sizeof(*ret_reading));
		r = read_parts(ret_reading);
	}
	return r;
}

/* ---- opening and closing ---- */

static void
put_family(struct request *request, uint8_t protocol)
{
	struct nlattr *element = mnl_attr_nest_start(request->last, NFTA_LIST_ELEM);
	struct nlattr *key = mnl_attr_nest_start(request->last, NFTA_SET_ELEM_KEY);

	mnl_attr_put(request->last, NFTA_DATA_VALUE, sizeof(protocol), &protocol);
	mnl_attr_nest_end(request->last, key);
	mnl_attr_nest_end(request->last, element);
}

int
door_netlink_open(unsigned families)
{
	struct request request = {.length = 0};
	struct nlattr *list;

	put_batch_edge(&request, NFNL_MSG_BATCH_BEGIN);
	begin_nft(&request, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_ACK);
	put_set(&request, DOOR_SET_open);
	list = mnl_attr_nest_start(request.last, NFTA_SET_ELEM_LIST_ELEMENTS);
	if (families & DOOR_BIT(DOOR_IPV4))
		put_family(&request, NFPROTO_IPV4);
	if (families & DOOR_BIT(DOOR_IPV6))
		put_family(&request, NFPROTO_IPV6);
	mnl_attr_nest_end(request.last, list);
	end_message(&request);
	put_batch_edge(&request, NFNL_MSG_BATCH_END);
	return talk(&request, NULL, NULL);
}

/* Without elements the request is for all of them. */
int
door_netlink_close(void)
{
	struct request request = {.length = 0};

	put_batch_edge(&request, NFNL_MSG_BATCH_BEGIN);
	begin_nft(&request, NFT_MSG_DELSETELEM, NLM_F_ACK);
	put_set(&request, DOOR_SET_open);
	end_message(&request);
	put_batch_edge(&request, NFNL_MSG_BATCH_END);
	return talk(&request, NULL, NULL);
}
