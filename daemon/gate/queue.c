#include "daemon/gate/queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE_ROOM  1024u
#define RECEIVE_ROOM  (8 << 20)
#define CONFIG_NUMBER 1u

static struct nlmsghdr *
begin(void *room, unsigned type, uint16_t number, uint16_t flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(room);
	struct nfgenmsg *family;

	message->nlmsg_type = (uint16_t)(NFNL_SUBSYS_QUEUE << 8 | type);
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	family = mnl_nlmsg_put_extra_header(message, sizeof(*family));
	*family = (struct nfgenmsg){
	    .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(number)};
	return message;
}

static int
note_attribute(const struct nlattr *attribute, void *context)
{
	const struct nlattr **found = context;
	uint16_t type = mnl_attr_get_type(attribute);

	if (type <= NFQA_MAX)
		found[type] = attribute;
	return MNL_CB_OK;
}

static bool
read_packet(const struct queue *queue, const struct nlmsghdr *message, struct queue_packet *ret)
{
	const struct nlattr *found[NFQA_MAX + 1] = {NULL};
	const struct nfqnl_msg_packet_hdr *head;
	const struct nfgenmsg *family;

	if (message->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET) ||
	    message->nlmsg_len < mnl_nlmsg_size(sizeof(struct nfgenmsg)))
		return false;
	family = mnl_nlmsg_get_payload(message);
	if (mnl_attr_parse(message, sizeof(*family), note_attribute, found) < 0 ||
	    found[NFQA_PACKET_HDR] == NULL ||
	    mnl_attr_get_payload_len(found[NFQA_PACKET_HDR]) < sizeof(*head))
		return false;
	head = mnl_attr_get_payload(found[NFQA_PACKET_HDR]);
	*ret = (struct queue_packet){
	    .queue = (enum queue_of)(uint16_t)(ntohs(family->res_id) - queue->number),
	    .id = ntohl(head->packet_id)};
	if (ret->queue >= QUEUES)
		return false;
	if (found[NFQA_MARK] != NULL && mnl_attr_validate(found[NFQA_MARK], MNL_TYPE_U32) == 0)
		ret->mark = ntohl(mnl_attr_get_u32(found[NFQA_MARK]));
	if (found[NFQA_PAYLOAD] != NULL) {
		ret->bytes = mnl_attr_get_payload(found[NFQA_PAYLOAD]);
		ret->length = ret->whole = mnl_attr_get_payload_len(found[NFQA_PAYLOAD]);
	}
	if (found[NFQA_CAP_LEN] != NULL &&
	    mnl_attr_validate(found[NFQA_CAP_LEN], MNL_TYPE_U32) == 0)
		ret->whole = ntohl(mnl_attr_get_u32(found[NFQA_CAP_LEN]));
	return true;
}

int
queue_verdict(struct queue *queue, enum queue_of of, uint32_t id, bool leaves)
{
	const struct nfqnl_msg_verdict_hdr verdict = {
	    .verdict = htonl(leaves ? NF_ACCEPT : NF_DROP), .id = htonl(id)};
	struct nlmsghdr *message;
	int error = 0;

	if (queue->gathered + sizeof(queue->verdicts) / QUEUE_BATCH > sizeof(queue->verdicts))
		error = queue_flush(queue);
	message = begin(queue->verdicts + queue->gathered, NFQNL_MSG_VERDICT,
	    (uint16_t)(queue->number + of), 0);
	mnl_attr_put(message, NFQA_VERDICT_HDR, sizeof(verdict), &verdict);
	queue->gathered += message->nlmsg_len;
	return error;
}

int
queue_flush(struct queue *queue)
{
	size_t gathered = queue->gathered;

	queue->gathered = 0;
	if (gathered == 0)
		return 0;
	return send(queue->socket, queue->verdicts, gathered, 0) < 0 ? -errno : 0;
}

/* Sends a request and waits for the kernel's word on it. */
static int
ask(struct queue *queue, struct nlmsghdr *message)
{
	uint8_t answer[MESSAGE_ROOM];
	struct queue_packet early;
	ssize_t length;

	message->nlmsg_flags |= NLM_F_ACK;
	message->nlmsg_seq = CONFIG_NUMBER;
	if (send(queue->socket, message, message->nlmsg_len, 0) < 0)
		return -errno;
	do {
		const struct nlmsghdr *head = (const struct nlmsghdr *)answer;

		length = recv(queue->socket, answer, sizeof(answer), 0);
		if (length < 0)
			return -errno;
		if (!mnl_nlmsg_ok(head, (int)length))
			return -EPROTO;
		/* One of the queues works already; TCP will send it again. */
		if (read_packet(queue, head, &early))
			queue_verdict(queue, early.queue, early.id, false);
		else if (head->nlmsg_type == NLMSG_ERROR && head->nlmsg_seq == CONFIG_NUMBER &&
			 head->nlmsg_len >= mnl_nlmsg_size(sizeof(struct nlmsgerr)))
			return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(head))->error;
	} while (length > 0);
	return -EPROTO;
}

static int
bind_queue(struct queue *queue, uint16_t number)
{
	uint8_t room[256] = {0};
	const struct nfqnl_msg_config_cmd bind_command = {.command = NFQNL_CFG_CMD_BIND};
	const struct nfqnl_msg_config_params headers = {
	    .copy_range = htonl(QUEUE_HEADERS), .copy_mode = NFQNL_COPY_PACKET};
	struct nlmsghdr *message = begin(room, NFQNL_MSG_CONFIG, number, 0);
	int error;

	mnl_attr_put(message, NFQA_CFG_CMD, sizeof(bind_command), &bind_command);
	error = ask(queue, message);
	/* The kernel's word for a queue that is another's. */
	if (error == -EPERM)
		return -EBUSY;
	if (error < 0)
		return error;
	message = begin(room, NFQNL_MSG_CONFIG, number, 0);
	mnl_attr_put(message, NFQA_CFG_PARAMS, sizeof(headers), &headers);
	mnl_attr_put_u32(message, NFQA_CFG_QUEUE_MAXLEN, htonl(QUEUE_MOST));
	mnl_attr_put_u32(message, NFQA_CFG_FLAGS, htonl(NFQA_CFG_F_GSO));
	mnl_attr_put_u32(message, NFQA_CFG_MASK, htonl(NFQA_CFG_F_GSO | NFQA_CFG_F_FAIL_OPEN));
	return ask(queue, message);
}

int
queue_open(struct queue *queue, uint16_t number)
{
	const int room = RECEIVE_ROOM, on = 1;
	int error;

	*queue = (struct queue){.number = number};
	queue->socket = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (queue->socket < 0)
		return -errno;
	/* A packet that finds no room is dropped by the kernel; that is no error of the socket. */
	if (setsockopt(queue->socket, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0 ||
	    setsockopt(queue->socket, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof(on)) < 0) {
		error = -errno;
		queue_close(queue);
		return error;
	}
	for (uint16_t i = 0; i < QUEUES; i++) {
		error = bind_queue(queue, (uint16_t)(number + i));
		if (error < 0) {
			queue_close(queue);
			return error;
		}
	}
	return 0;
}

void
queue_close(struct queue *queue)
{
	close(queue->socket);
	queue->socket = -1;
}

int
queue_receive(struct queue *queue, queue_take *take, void *context)
{
	static uint8_t room[QUEUE_BATCH][MESSAGE_ROOM] __attribute__((aligned(8)));
	static struct mmsghdr messages[QUEUE_BATCH];
	static struct iovec pieces[QUEUE_BATCH];
	struct queue_packet packet;
	int count, taken = 0;

	for (unsigned i = 0; i < QUEUE_BATCH; i++) {
		pieces[i] = (struct iovec){room[i], MESSAGE_ROOM};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &pieces[i], .msg_iovlen = 1};
	}
	count = recvmmsg(queue->socket, messages, QUEUE_BATCH, MSG_DONTWAIT, NULL);
	if (count < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	for (int i = 0; i < count; i++) {
		const struct nlmsghdr *head = (const struct nlmsghdr *)room[i];
		int left = (int)messages[i].msg_len;

		/* An error is of a verdict whose packet is gone, with the connection or the device. */
		for (; mnl_nlmsg_ok(head, left); head = mnl_nlmsg_next(head, &left))
			if (read_packet(queue, head, &packet)) {
				take(context, &packet);
				taken++;
			}
	}
	return taken;
}
