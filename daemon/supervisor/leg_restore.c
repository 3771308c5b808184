#include "daemon/supervisor/leg_restore.h"

#include "daemon/endpoint.h"
#include "daemon/supervisor/leg.h"
#include "daemon/supervisor/leg_kernel.h"
#include "daemon/supervisor/orphans.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/socket.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the kernel takes for TCP_MAXSEG (its MIN_MSS, MAX_TCP_WINDOW). */
#define MSS_LEAST 88
#define MSS_MOST  32767

#define SCALE_MOST 14
#define PUT_MOST   (64u << 10)
#define PUT_LEAST  512u
#define ROOM_MORE  (64u << 10)

enum { OPTIONS_MOST = 4 };

/* ---- making it ---- */

static int
set_transparent(int fd, const struct shm_endpoint *local)
{
	return local->family == 4 ? leg_kernel_set(fd, IPPROTO_IP, IP_TRANSPARENT, 1)
				  : leg_kernel_set(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1);
}

static int
mss_of(const struct leg_plan *plan)
{
	if (plan->tcp.mss < MSS_LEAST)
		return MSS_LEAST;
	return plan->tcp.mss < MSS_MOST ? plan->tcp.mss : MSS_MOST;
}

/* Before connect(): that computes the segment size, and the mark must be on whatever leaves. */
static int
set_up(int fd, const struct leg_plan *plan)
{
	int r = leg_kernel_set(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON);

	if (r == 0)
		r = set_transparent(fd, &plan->local);
	if (r == 0)
		r = leg_kernel_set(fd, IPPROTO_TCP, TCP_MAXSEG, mss_of(plan));
	if (r == 0)
		r = leg_set_options(fd);
	if (r == 0)
		r = leg_bound_input(fd);
	if (r == 0 && plan->keeps_alive)
		r = leg_set_keepalive_times(fd);
	if (r == 0 && plan->mark != 0)
		r = leg_kernel_set(fd, SOL_SOCKET, SO_MARK, (int)plan->mark);
	return r;
}

static int
set_sequence(int fd, int queue, uint32_t sequence)
{
	int r = leg_kernel_set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue);

	return r < 0 ? r : leg_kernel_set(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, (int)sequence);
}

static int
join(int fd, const struct leg_plan *plan, uint32_t receive_sequence)
{
	struct sockaddr_storage local, peer;
	unsigned local_length = endpoint_sockaddr(&plan->local, &local);
	unsigned peer_length = endpoint_sockaddr(&plan->peer, &peer);
	int r;

	if (bind(fd, (struct sockaddr *)&local, local_length) < 0)
		return -errno;
	r = set_sequence(fd, TCP_RECV_QUEUE, receive_sequence);
	if (r == 0)
		r = set_sequence(fd, TCP_SEND_QUEUE, plan->tcp.send_sequence);
	if (r < 0)
		return r;
	return connect(fd, (struct sockaddr *)&peer, peer_length) < 0 ? -errno : 0;
}

/* The codes are those of the options in a SYN. */
static int
set_options(int fd, const struct leg_tcp *tcp)
{
	enum { MSS = 2, SCALE = 3, SACK = 4, TIMESTAMP = 8 };
	struct tcp_repair_opt option[OPTIONS_MOST];
	unsigned count = 0;

	if (tcp->send_scale > SCALE_MOST || tcp->receive_scale > SCALE_MOST)
		return -EINVAL;
	option[count++] = (struct tcp_repair_opt){MSS, tcp->mss};
	if (tcp->options & TCPI_OPT_WSCALE)
		option[count++] = (struct tcp_repair_opt){
		    SCALE, tcp->send_scale | (uint32_t)tcp->receive_scale << 16};
	if (tcp->options & TCPI_OPT_SACK)
		option[count++] = (struct tcp_repair_opt){SACK, 0};
	if (tcp->options & TCPI_OPT_TIMESTAMPS)
		option[count++] = (struct tcp_repair_opt){TIMESTAMP, 0};
	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_OPTIONS, option, count * sizeof(option[0])) < 0)
		return -errno;
	return tcp->options & TCPI_OPT_TIMESTAMPS
		   ? leg_kernel_set(fd, IPPROTO_TCP, TCP_TIMESTAMP, (int)tcp->timestamp)
		   : 0;
}

/* Not less than the peer was told, but for a narrow leg: there the peer sends again what was too early. */
static uint32_t
receive_window(const struct leg_plan *plan, uint32_t own)
{
	if (plan->tcp.narrow)
		return 0;
	return own < plan->tcp.receive_window ? plan->tcp.receive_window : own;
}

/* What the peer may send; what it takes the probe finds out. */
static int
set_window(int fd, const struct leg_plan *plan)
{
	struct tcp_repair_window window;
	socklen_t length = sizeof(window);

	if (getsockopt(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &window, &length) < 0)
		return -errno;
	window.rcv_wnd = receive_window(plan, window.rcv_wnd);
	window.rcv_wup = plan->receive_next;
	window.snd_wl1 = plan->receive_next - 1;
	window.snd_wnd = plan->hides_window ? 0 : plan->tcp.send_window;
	window.max_window = plan->tcp.max_window > plan->tcp.send_window ? plan->tcp.max_window
									 : plan->tcp.send_window;
	return setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &window, sizeof(window)) < 0 ? -errno
											   : 0;
}

/* ---- octets into its queues ---- */

/* A large piece of linear memory may not be there: then in smaller ones. */
static int
put_piece(int fd, const struct iovec *piece)
{
	size_t most = PUT_MOST;

	for (size_t done = 0; done < piece->iov_len;) {
		size_t left = piece->iov_len - done;
		ssize_t n = send(fd, (const char *)piece->iov_base + done,
		    left < most ? left : most, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != ENOMEM || most <= PUT_LEAST)
			return n == 0 ? -EIO : -errno;
		else
			most /= 2;
	}
	return 0;
}

static size_t
total(const struct iovec *pieces, unsigned count)
{
	size_t length = 0;

	for (unsigned i = 0; i < count; i++)
		length += pieces[i].iov_len;
	return length;
}

/* All of it, or the connection stands where the peer does not.  Room is made for it; afterwards output has
 * as much as the kernel finds right, and input is bounded again. */
static int
put(int fd, int queue, const struct iovec *pieces, unsigned count)
{
	size_t length = total(pieces, count);
	int r;

	if (length == 0)
		return 0;
	r = leg_kernel_set(fd, SOL_SOCKET,
	    queue == TCP_SEND_QUEUE ? SO_SNDBUFFORCE : SO_RCVBUFFORCE, (int)(length + ROOM_MORE));
	if (r == 0)
		r = leg_kernel_set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue);
	for (unsigned i = 0; r == 0 && i < count; i++)
		r = put_piece(fd, &pieces[i]);
	if (r == 0)
		r = leg_bound_input(fd);
	return r < 0 ? r : leg_kernel_set(fd, SOL_SOCKET, SO_BUF_LOCK, SOCK_RCVBUF_LOCK);
}

/* ---- the whole ---- */

/* A listener at its address could not be opened otherwise. */
static void
leave_repair(int fd, int how)
{
	leg_kernel_set(fd, IPPROTO_TCP, TCP_REPAIR, how);
	leg_kernel_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
}

struct queues {
	const struct iovec *unread;
	unsigned unread_count;
	const struct iovec *sent;
	unsigned sent_count;
};

static int
fill(int fd, const struct leg_plan *plan, const struct queues *queues)
{
	uint32_t unread = (uint32_t)total(queues->unread, queues->unread_count);
	int r = set_up(fd, plan);

	if (r == 0)
		r = join(fd, plan, plan->receive_next - unread);
	if (r == 0)
		r = set_options(fd, &plan->tcp);
	if (r == 0)
		r = put(fd, TCP_RECV_QUEUE, queues->unread, queues->unread_count);
	if (r == 0)
		r = put(fd, TCP_SEND_QUEUE, queues->sent, queues->sent_count);
	if (r == 0 && plan->tcp.narrow)
		r = leg_narrow_input(fd);
	if (r == 0)
		r = set_window(fd, plan);
	return r;
}

/* A blocking socket (custody.h), in repair mode, in which close(2) is silent. */
static int
make_quiet(const struct leg_plan *plan, const struct queues *queues)
{
	int family = plan->local.family == 6 ? AF_INET6 : AF_INET;
	int fd, r;

	if (plan->local.family == 0 || plan->local.family != plan->peer.family)
		return -EAFNOSUPPORT;
	fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = fill(fd, plan, queues);
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

int
leg_restore_finish(int fd, const struct leg_plan *plan)
{
	int r = leg_kernel_set(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_OFF_NO_WP);

	/* Nobody listens at the end of a leg to a server. */
	if (r == 0 && plan->keeps_alive)
		r = leg_kernel_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	/* In repair mode the kernel's timer would run, and send. */
	if (r == 0 && plan->keeps_alive)
		r = leg_kernel_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	return r;
}

static int
make(const struct leg_plan *plan, const struct queues *queues)
{
	int fd = make_quiet(plan, queues), r;

	if (fd < 0)
		return fd;
	r = leg_restore_finish(fd, plan);
	if (r == 0)
		return fd;
	leg_drop(fd);
	return r;
}

int
leg_restore_ahead(const struct leg_plan *plan)
{
	const struct queues nothing = {0};

	return make_quiet(plan, &nothing);
}

int
leg_restore(const struct leg_plan *plan, const struct iovec *output, unsigned count)
{
	const struct queues queues = {.sent = output, .sent_count = count};
	int fd = make(plan, &queues);

	if (fd == -EADDRNOTAVAIL && orphans_end_one(&plan->local, &plan->peer) == 0)
		fd = make(plan, &queues);
	return fd;
}

void
leg_probe(int fd)
{
	leg_kernel_set(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON);
	leave_repair(fd, TCP_REPAIR_OFF);
}

int
leg_answer(int fd, struct leg_answer *ret_answer)
{
	struct tcp_info info;
	int r = leg_kernel_info(fd, &info);

	if (r < 0)
		return r;
	*ret_answer = (struct leg_answer){
	    .has_come = info.tcpi_segs_in > 0,
	    .is_over = info.tcpi_state == TCP_CLOSE,
	    .send_window = info.tcpi_snd_wnd,
	};
	return 0;
}

/* In repair mode what is sent, a FIN too, only counts as sent. */
void
leg_restore_end(int fd)
{
	leg_kernel_set(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON);
	leg_kernel_set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE);
	shutdown(fd, SHUT_WR);
	leave_repair(fd, TCP_REPAIR_OFF_NO_WP);
}

/* ---- again ---- */

/* Nothing comes in any more: what the peer sends now it sends again. */
static int
deafen(int fd)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog program = {.len = 1, .filter = &drop};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

/* As it was. */
static void
go_on(int fd)
{
	leave_repair(fd, TCP_REPAIR_OFF_NO_WP);
	leg_kernel_set(fd, SOL_SOCKET, SO_DETACH_FILTER, 0);
}

/* Of the peer's, which the connection that has asked it reads by another scale. */
static uint32_t
scaled(uint32_t window, unsigned from, unsigned to)
{
	return to > from ? window << (to - from) : window;
}

/* Where the peer stands, as the connection that has asked it knows. */
static int
look(int fd, const struct tcp_info *info, struct leg_plan *plan)
{
	unsigned from = info->tcpi_snd_wscale, to = plan->tcp.send_scale;
	struct tcp_repair_window window;
	socklen_t length = sizeof(window);
	uint32_t behind;
	int unacknowledged, r;

	if (ioctl(fd, SIOCOUTQ, &unacknowledged) < 0 ||
	    getsockopt(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &window, &length) < 0)
		return -errno;
	r = leg_kernel_queue(fd, TCP_SEND_QUEUE, &behind);
	if (r < 0)
		return r;
	behind -= (uint32_t)unacknowledged;
	plan->written += behind - plan->tcp.send_sequence;
	plan->tcp.send_sequence = behind;
	plan->tcp.send_window = scaled(window.snd_wnd, from, to);
	plan->tcp.max_window = scaled(window.max_window, from, to);
	plan->tcp.receive_window = window.rcv_wnd;
	length = sizeof(plan->tcp.timestamp);
	return getsockopt(fd, IPPROTO_TCP, TCP_TIMESTAMP, &plan->tcp.timestamp, &length) < 0
		   ? -errno
		   : 0;
}

/* What lies unread; the caller frees it. */
static int
peek(int fd, struct leg_plan *plan, struct iovec *ret_piece)
{
	int unread, r = leg_kernel_queue(fd, TCP_RECV_QUEUE, &plan->receive_next);

	if (r < 0 || ioctl(fd, SIOCINQ, &unread) < 0 || unread <= 0)
		return r < 0 || unread <= 0 ? r : -errno;
	ret_piece->iov_base = malloc((size_t)unread);
	if (ret_piece->iov_base == NULL)
		return -ENOMEM;
	ret_piece->iov_len = (size_t)unread;
	return recv(fd, ret_piece->iov_base, ret_piece->iov_len, MSG_PEEK | MSG_DONTWAIT) == unread
		   ? 0
		   : -EIO;
}

/* A segment may have been on its way in when nothing more was to come. */
static bool
has_stood_still(int fd, const struct leg_plan *plan)
{
	uint32_t receive_next;

	return leg_kernel_queue(fd, TCP_RECV_QUEUE, &receive_next) == 0 &&
	       receive_next == plan->receive_next;
}

static bool
take_up(int fd, struct leg_plan *plan, struct iovec *ret_unread)
{
	struct tcp_info info;

	if (leg_kernel_info(fd, &info) < 0 ||
	    (info.tcpi_state != TCP_ESTABLISHED && info.tcpi_state != TCP_FIN_WAIT1))
		return false;
	return look(fd, &info, plan) == 0 && peek(fd, plan, ret_unread) == 0 &&
	       has_stood_still(fd, plan);
}

int
leg_restore_again(int *fd, struct leg_plan *plan)
{
	struct leg_plan next = *plan;
	struct iovec unread = {0};
	const struct queues queues = {.unread = &unread, .unread_count = 1};
	int r = -EBUSY;

	if (deafen(*fd) < 0)
		return -EBUSY;
	if (leg_kernel_set(*fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON) == 0 &&
	    take_up(*fd, &next, &unread)) {
		/* A duplicate may lie on a shelf: closing would not free its ends. */
		leg_drop(*fd);
		*plan = next;
		r = make(plan, &queues);
		*fd = r < 0 ? -1 : r;
	} else {
		go_on(*fd);
	}
	free(unread.iov_base);
	return r < 0 ? r : 0;
}
