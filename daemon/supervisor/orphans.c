#include "daemon/supervisor/orphans.h"

#include "daemon/endpoint.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define WAIT_S	      2
#define ANSWER_SIZE   32768u
#define STEP	      256u
#define STATES_WANTED (~(1u << TCP_LISTEN))

struct found {
	const struct shm_endpoint *address;
	uint32_t addresses;
	struct inet_diag_sockid *id;
	uint32_t count, room;
};

static int
open_socket(struct mnl_socket **ret_socket)
{
	const struct timeval wait = {.tv_sec = WAIT_S};
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);

	if (socket == NULL)
		return -errno;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) <
		0) {
		int error = -errno;

		mnl_socket_close(socket);
		return error;
	}
	*ret_socket = socket;
	return 0;
}

/* 0 or -errno, that of the kernel too. */
static int
ask(struct mnl_socket *socket, uint16_t type, uint16_t flags, const struct inet_diag_req_v2 *what,
    mnl_cb_t take, void *context)
{
	char buffer[ANSWER_SIZE];
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	int r = MNL_CB_OK;

	header->nlmsg_type = type;
	header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	memcpy(mnl_nlmsg_put_extra_header(header, sizeof(*what)), what, sizeof(*what));
	if (mnl_socket_sendto(socket, header, header->nlmsg_len) < 0)
		return -errno;
	while (r > MNL_CB_STOP) {
		ssize_t length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));

		if (length < 0)
			return -errno;
		r = mnl_cb_run(buffer, (size_t)length, 0, 0, take, context);
		if (r < 0)
			return -errno;
	}
	return 0;
}

static bool
is_wanted(const struct found *found, const struct inet_diag_msg *message)
{
	struct shm_endpoint local = {.family = message->idiag_family == AF_INET ? 4 : 6};

	memcpy(local.address, message->id.idiag_src, local.family == 4 ? 4 : 16);
	for (uint32_t i = 0; i < found->addresses; i++)
		if (endpoint_same_address(&found->address[i], &local))
			return true;
	return false;
}

static int
take(const struct nlmsghdr *header, void *context)
{
	const struct inet_diag_msg *message = mnl_nlmsg_get_payload(header);
	struct found *found = context;

	if (mnl_nlmsg_get_payload_len(header) < sizeof(*message) || !is_wanted(found, message))
		return MNL_CB_OK;
	if (found->count == found->room) {
		struct inet_diag_sockid *more =
		    realloc(found->id, (found->room + STEP) * sizeof(found->id[0]));

		if (more == NULL)
			return MNL_CB_OK;
		found->id = more;
		found->room += STEP;
	}
	found->id[found->count++] = message->id;
	return MNL_CB_OK;
}

static struct inet_diag_req_v2
one(uint8_t family, const struct inet_diag_sockid *id)
{
	return (struct inet_diag_req_v2){.sdiag_family = family,
	    .sdiag_protocol = IPPROTO_TCP,
	    .idiag_states = STATES_WANTED,
	    .id = *id};
}

static int
end_connection(struct mnl_socket *socket, uint8_t family, const struct inet_diag_sockid *id)
{
	const struct inet_diag_req_v2 what = one(family, id);

	return ask(socket, SOCK_DESTROY, NLM_F_ACK, &what, NULL, NULL);
}

/* Those that were found; one may have come to its end by itself meanwhile. */
static int
end_found(struct mnl_socket *socket, uint8_t family, const struct found *found)
{
	int ended = 0;

	for (uint32_t i = 0; i < found->count; i++)
		ended += end_connection(socket, family, &found->id[i]) == 0;
	return ended;
}

static int
end_family(
    struct mnl_socket *socket, uint8_t family, const struct shm_endpoint *addresses, uint32_t count)
{
	const struct inet_diag_req_v2 what = {
	    .sdiag_family = family, .sdiag_protocol = IPPROTO_TCP, .idiag_states = STATES_WANTED};
	struct found found = {.address = addresses, .addresses = count};
	int r = ask(socket, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &what, take, &found);

	if (r == 0)
		r = end_found(socket, family, &found);
	free(found.id);
	return r;
}

int
orphans_end(const struct shm_endpoint *addresses, uint32_t count)
{
	struct mnl_socket *socket = NULL;
	int ended, more, r = open_socket(&socket);

	if (r < 0)
		return r;
	ended = end_family(socket, AF_INET, addresses, count);
	more = end_family(socket, AF_INET6, addresses, count);
	mnl_socket_close(socket);
	if (ended < 0)
		return ended;
	return more < 0 ? more : ended + more;
}

/* ---- one ---- */

static struct inet_diag_sockid
id_of(const struct shm_endpoint *local, const struct shm_endpoint *peer)
{
	size_t length = local->family == 4 ? 4 : 16;
	struct inet_diag_sockid id = {
	    .idiag_sport = htons(local->port),
	    .idiag_dport = htons(peer->port),
	    .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE},
	};

	memcpy(id.idiag_src, local->address, length);
	memcpy(id.idiag_dst, peer->address, length);
	return id;
}

static int
take_one(const struct nlmsghdr *header, void *context)
{
	struct inet_diag_msg *found = context;

	if (mnl_nlmsg_get_payload_len(header) >= sizeof(*found))
		memcpy(found, mnl_nlmsg_get_payload(header), sizeof(*found));
	return MNL_CB_OK;
}

/* Where there is no connection the kernel names the listener.  By the cookie the one that was looked at
 * is ended, and no other. */
static int
end_unheld(struct mnl_socket *socket, uint8_t family, const struct inet_diag_sockid *id)
{
	const struct inet_diag_req_v2 what = one(family, id);
	struct inet_diag_msg found = {.idiag_state = TCP_LISTEN};
	int r = ask(socket, SOCK_DIAG_BY_FAMILY, NLM_F_ACK, &what, take_one, &found);

	if (r < 0)
		return r;
	if (found.idiag_state == TCP_LISTEN)
		return -ENOENT;
	if (found.idiag_inode != 0)
		return -EBUSY;
	return end_connection(socket, family, &found.id);
}

int
orphans_end_one(const struct shm_endpoint *local, const struct shm_endpoint *peer)
{
	struct inet_diag_sockid id = id_of(local, peer);
	struct mnl_socket *socket = NULL;
	int r = open_socket(&socket);

	if (r < 0)
		return r;
	r = end_unheld(socket, local->family == 4 ? AF_INET : AF_INET6, &id);
	mnl_socket_close(socket);
	return r;
}
