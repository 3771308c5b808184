#include "daemon/supervisor/leg.h"

#include "daemon/supervisor/leg_kernel.h"
#include "shm/failpoint.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MEASURE_TRIES 1000
#define DUMP_TRIES    8
#define DISCARD_TRIES 64
#define DISCARD_SIZE  (1u << 20)

#define STATE_BIT(state) (1u << (state))
#define STATES_FIN_SEEN                                                                            \
	(STATE_BIT(TCP_CLOSE_WAIT) | STATE_BIT(TCP_LAST_ACK) | STATE_BIT(TCP_CLOSING) |            \
	    STATE_BIT(TCP_TIME_WAIT))
#define STATES_FIN_SENT                                                                            \
	(STATE_BIT(TCP_FIN_WAIT1) | STATE_BIT(TCP_FIN_WAIT2) | STATE_BIT(TCP_LAST_ACK) |           \
	    STATE_BIT(TCP_CLOSING) | STATE_BIT(TCP_TIME_WAIT))

struct kernel_view {
	struct tcp_info info;
	int unread;
	int unacknowledged;
	bool fin_hint;
};

/*
 * Has the peer's FIN been received?  TCP_INQ's hint counts the FIN, or says 1 after it was read;
 * SIOCINQ never counts it.  A pending socket error is reported first and gone with that.
 */
static bool
fin_hint(int fd, int unread)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec vector = {.iov_base = &byte, .iov_len = 1};
	bool seen = false;

	if (leg_kernel_set(fd, IPPROTO_TCP, TCP_INQ, 1) < 0)
		return false;
	for (int try = 0; try < 3; try++) {
		struct msghdr message = {
		    .msg_iov = &vector,
		    .msg_iovlen = 1,
		    .msg_control = &control,
		    .msg_controllen = sizeof(control),
		};
		ssize_t got = recvmsg(fd, &message, MSG_PEEK | MSG_DONTWAIT);
		struct cmsghdr *header = got < 0 ? NULL : CMSG_FIRSTHDR(&message);
		int hint;

		if (!header)
			continue;
		if (header->cmsg_level != IPPROTO_TCP || header->cmsg_type != TCP_CM_INQ)
			break;
		memcpy(&hint, CMSG_DATA(header), sizeof(hint));
		seen = hint != unread;
		break;
	}
	leg_kernel_set(fd, IPPROTO_TCP, TCP_INQ, 0);
	return seen;
}

static int
kernel_look(int fd, struct kernel_view *ret_view)
{
	int r = leg_kernel_info(fd, &ret_view->info);

	if (r < 0)
		return r;
	if (ioctl(fd, SIOCINQ, &ret_view->unread) < 0)
		return -errno;
	if (ioctl(fd, SIOCOUTQ, &ret_view->unacknowledged) < 0)
		return -errno;
	ret_view->fin_hint =
	    ret_view->info.tcpi_state == TCP_CLOSE && fin_hint(fd, ret_view->unread);
	return 0;
}

/* The numbers come from several calls while the peer goes on: they fit when nothing moved. */
static int
kernel_look_still(int fd, struct kernel_view *ret_view)
{
	for (int try = 0; try < MEASURE_TRIES; try++) {
		struct tcp_info after;
		int r = kernel_look(fd, ret_view);

		if (r == 0)
			r = leg_kernel_info(fd, &after);
		if (r < 0)
			return r;
		if (after.tcpi_bytes_received == ret_view->info.tcpi_bytes_received &&
		    after.tcpi_bytes_acked == ret_view->info.tcpi_bytes_acked &&
		    after.tcpi_state == ret_view->info.tcpi_state)
			return 0;
	}
	return -EAGAIN;
}

static uint64_t
minus_one(uint64_t value, bool condition)
{
	return value - (value > 0 && condition);
}

int
leg_measure(int fd, const struct slot_leg *leg, bool active, uint64_t output_end,
    struct leg_measure *ret_measure)
{
	struct kernel_view view;
	uint64_t received, written;
	bool fin_seen, fin_sent;
	unsigned state;
	int r = kernel_look_still(fd, &view);

	if (r < 0)
		return r;
	state = view.info.tcpi_state;
	received = view.info.tcpi_bytes_received - (uint64_t)view.unread;
	written = view.info.tcpi_bytes_acked + (uint64_t)view.unacknowledged;
	/* The SYN of an active open. */
	written = leg->base_written + minus_one(written, active && !leg->tcp.restored);
	fin_seen = STATE_BIT(state) & STATES_FIN_SEEN;
	fin_sent = STATE_BIT(state) & STATES_FIN_SENT;
	if (state == TCP_CLOSE) {
		fin_seen = view.fin_hint;
		fin_sent = written > output_end;
		if (fin_seen && fin_sent && view.unacknowledged == 0)
			state = TCP_TIME_WAIT;
	}
	*ret_measure = (struct leg_measure){
	    .consumed = leg->base_received + minus_one(received, fin_seen),
	    .written = minus_one(written, fin_sent),
	    .tcp_state = (uint8_t)state,
	    .fin_seen = fin_seen,
	};
	return 0;
}

int
leg_accepted(int fd, const struct slot_leg *leg, uint64_t *ret_accepted)
{
	struct tcp_info info;
	int r = leg_kernel_info(fd, &info);

	/* The FIN is counted there as a byte. */
	if (r == 0)
		*ret_accepted = leg->base_received + info.tcpi_bytes_received;
	return r;
}

struct option {
	int level, option, value;
};

static int
options_set(int fd, const struct option *options, size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = leg_kernel_set(fd, options[i].level, options[i].option, options[i].value);
	return r;
}

int
leg_set_options(int fd)
{
	static const struct option options[] = {
	    /* An urgent byte is an ordinary byte: without this the arithmetic is off by one. */
	    {SOL_SOCKET, SO_OOBINLINE, 1},
	    {IPPROTO_TCP, TCP_NODELAY, 1},
	};

	return options_set(fd, options, sizeof(options) / sizeof(options[0]));
}

int
leg_bound_input(int fd)
{
	return leg_kernel_set(fd, SOL_SOCKET, SO_RCVBUF, (int)SHM_RECEIVE_BUFFER);
}

/* The kernel makes of it the least that it takes. */
int
leg_narrow_input(int fd)
{
	return leg_kernel_set(fd, SOL_SOCKET, SO_RCVBUF, 0);
}

int
leg_delay_acknowledgements(int fd)
{
	return leg_kernel_set(fd, IPPROTO_TCP, TCP_QUICKACK, 0);
}

int
leg_set_keepalive_times(int fd)
{
	static const struct option options[] = {
	    {IPPROTO_TCP, TCP_KEEPIDLE, 300},
	    {IPPROTO_TCP, TCP_KEEPINTVL, 30},
	    {IPPROTO_TCP, TCP_KEEPCNT, 5},
	};

	return options_set(fd, options, sizeof(options) / sizeof(options[0]));
}

int
leg_set_keepalive(int fd)
{
	int r = leg_set_keepalive_times(fd);

	return r < 0 ? r : leg_kernel_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

/* The window, then TCP's own view of itself. */
static int
dump_window(int fd, struct leg_tcp *tcp, struct tcp_info *ret_info)
{
	struct tcp_repair_window window;
	socklen_t length = sizeof(window);
	int r;

	if (getsockopt(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &window, &length) < 0)
		return -errno;
	r = leg_kernel_info(fd, ret_info);
	if (r < 0)
		return r;
	tcp->receive_sequence = window.rcv_wup; /* that of the first byte, if none has come */
	tcp->send_window = window.snd_wnd;
	tcp->max_window = window.max_window;
	tcp->receive_window = window.rcv_wnd;
	tcp->rtt_us = ret_info->tcpi_rtt;
	tcp->send_scale = ret_info->tcpi_snd_wscale;
	tcp->receive_scale = ret_info->tcpi_rcv_wscale;
	tcp->options = ret_info->tcpi_options;
	return 0;
}

/* The peer sends already: sequence number and count must be of the same instant. */
static int
dump_received(int fd, struct leg_tcp *tcp)
{
	struct tcp_info info;
	uint32_t before, after;
	int r;

	for (int try = 0; try < DUMP_TRIES; try++) {
		if ((r = leg_kernel_queue(fd, TCP_RECV_QUEUE, &before)) < 0 ||
		    (r = leg_kernel_info(fd, &info)) < 0 ||
		    (r = leg_kernel_sequence(fd, &after)) < 0)
			return r;
		if (before != after)
			continue;
		tcp->receive_sequence = before - (uint32_t)info.tcpi_bytes_received;
		return 0;
	}
	return -EAGAIN;
}

/* A system call more is paid by every session: what one answer holds is not asked for again. */
static int
dump(int fd, struct leg_tcp *tcp)
{
	struct tcp_info info;
	uint32_t mss;
	socklen_t length = sizeof(mss);
	int r = dump_window(fd, tcp, &info);

	if (r == 0 && info.tcpi_bytes_received != 0)
		r = dump_received(fd, tcp);
	if (r == 0)
		r = leg_kernel_queue(fd, TCP_SEND_QUEUE, &tcp->send_sequence);
	if (r < 0)
		return r;
	if (getsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &mss, &length) < 0)
		return -errno;
	length = sizeof(tcp->timestamp);
	if (getsockopt(fd, IPPROTO_TCP, TCP_TIMESTAMP, &tcp->timestamp, &length) < 0)
		return -errno;
	tcp->mss = (uint16_t)mss;
	return 0;
}

/* No window probe. */
void
leg_leave_repair(int fd)
{
	leg_kernel_set(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_OFF_NO_WP);
}

int
leg_dump(int fd, struct slot_leg *leg, bool active, uint64_t gateway_ms)
{
	struct leg_tcp tcp = {0};
	int r = leg_kernel_set(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON);

	if (r < 0)
		return r;
	FAILPOINT(leg_in_repair);
	r = dump(fd, &tcp);
	leg_leave_repair(fd);
	/* That takes SO_REUSEADDR away, and without it no listener could be opened at the address of a
	 * passive one. */
	if (!active)
		leg_kernel_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (r < 0)
		return r;
	tcp.dumped = 1;
	tcp.dumped_ms = gateway_ms;
	leg->tcp = tcp;
	return 0;
}

int
leg_end(int fd, bool silently)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};

	if (silently) {
		int r = leg_kernel_set(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON);
		if (r < 0)
			return r;
	}
	return connect(fd, &none, sizeof(none)) < 0 ? -errno : 0;
}

void
leg_drop(int fd)
{
	leg_end(fd, true);
	close(fd);
}

bool
leg_is_settled(int fd)
{
	struct tcp_info info;
	int unacknowledged;

	if (ioctl(fd, SIOCOUTQ, &unacknowledged) < 0 || unacknowledged == 0)
		return true;
	/* After a reset nobody will acknowledge it any more. */
	return leg_kernel_info(fd, &info) < 0 || info.tcpi_state == TCP_CLOSE;
}

void
leg_discard_input(int fd)
{
	for (int try = 0; try < DISCARD_TRIES; try++)
		if (recv(fd, NULL, DISCARD_SIZE, MSG_TRUNC | MSG_DONTWAIT) <= 0)
			return;
}
