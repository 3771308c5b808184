/*
 * framedelay --control DEVICE DEVICE MS -- a cable so long that each frame takes MS, either way
 *
 * Makes both devices (TAP) where it is started; they are there for as long as it runs, and what the kernel
 * sends by the one arrives by the other.  Frames keep their order.  None is lost but when more than
 * QUEUE_BYTES are on their way one way, or the kernel does not take one; both are counted.  Lumps that the kernel has
 * not cut into segments yet are carried as they are.
 *
 * Answers with figures when the devices are there; then commands on standard input, each answered with one line of JSON:
 *	figures		so far; "late_us" is the most by which a frame came later than it should have
 *	stop		likewise, and ends
 */
#include "tests/tools/control.h"
#include "tests/tools/loop.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <unistd.h>

#define QUEUE_BYTES (256u << 20)
#define FRAME_BYTES (sizeof(struct virtio_net_hdr) + 14 + 65535)

struct frame {
	struct frame *next;
	uint64_t due_us;
	size_t length;
	uint8_t bytes[];
};

/* One end of the cable, and what is on its way from it to the other one. */
struct end {
	struct loop_watch watch; /* first */
	struct loop_timer arrival;
	struct end *other;
	struct frame *first, **last;
	size_t queued; /* octets */
};

static struct end ends[2];
static uint64_t delay_us;
static bool stopping;
static struct {
	uint64_t frames, dropped, refused, late_us;
} figures;

static int
make_device(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (strlen(name) >= sizeof(request.ifr_name))
		errx(EX_USAGE, "%s: the name is too long", name);
	memcpy(request.ifr_name, name, strlen(name) + 1);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0 ||
	    ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0)
		err(EX_OSERR, "%s", name);
	return fd;
}

static void
arrive(struct loop_timer *timer)
{
	struct end *from = (struct end *)((char *)timer - offsetof(struct end, arrival));
	struct frame *frame;

	while ((frame = from->first) != NULL && frame->due_us <= loop_now()) {
		if (loop_now() - frame->due_us > figures.late_us)
			figures.late_us = loop_now() - frame->due_us;
		if (write(from->other->watch.fd, frame->bytes, frame->length) < 0)
			figures.refused++;
		from->queued -= frame->length;
		from->first = frame->next;
		if (from->first == NULL)
			from->last = &from->first;
		free(frame);
	}
	if (frame != NULL)
		loop_timer_set(timer, frame->due_us);
}

static void
set_out(struct end *from, const uint8_t *bytes, size_t length)
{
	struct frame *frame;

	figures.frames++;
	if (length > QUEUE_BYTES - from->queued) {
		figures.dropped++;
		return;
	}
	frame = malloc(sizeof(*frame) + length);
	if (frame == NULL)
		err(EX_OSERR, "memory");
	frame->next = NULL;
	frame->due_us = loop_now() + delay_us;
	frame->length = length;
	memcpy(frame->bytes, bytes, length);
	if (from->first == NULL)
		loop_timer_set(&from->arrival, frame->due_us);
	*from->last = frame;
	from->last = &frame->next;
	from->queued += length;
}

static void
take(struct loop_watch *watch, uint32_t events)
{
	static uint8_t bytes[FRAME_BYTES];
	ssize_t length;

	(void)events;
	while ((length = read(watch->fd, bytes, sizeof(bytes))) > 0)
		set_out((struct end *)watch, bytes, (size_t)length);
	if (length < 0 && errno != EAGAIN && errno != EINTR)
		err(EX_OSERR, "a device");
}

static void
print_figures(void)
{
	printf("{\"frames\": %" PRIu64 ", \"dropped\": %" PRIu64 ", \"refused\": %" PRIu64
	       ", \"late_us\": %" PRIu64 "}\n",
	    figures.frames, figures.dropped, figures.refused, figures.late_us);
	fflush(stdout);
}

static void
command(char *line)
{
	if (strcmp(line, "stop") == 0)
		stopping = true;
	else
		print_figures();
}

int
main(int argc, char **argv)
{
	if (argc != 5 || strcmp(argv[1], "--control") != 0)
		errx(EX_USAGE, "usage: framedelay --control DEVICE DEVICE MS");
	delay_us = strtoull(argv[4], NULL, 10) * 1000;
	loop_open();
	control_open(command);
	for (unsigned i = 0; i < 2; i++) {
		ends[i].watch = (struct loop_watch){.fd = -1, .ready = take};
		ends[i].arrival.expired = arrive;
		ends[i].other = &ends[1 - i];
		ends[i].last = &ends[i].first;
		loop_watch(&ends[i].watch, make_device(argv[2 + i]), EPOLLIN);
	}
	print_figures();
	while (!stopping)
		loop_round(1000);
	print_figures();
	return 0;
}
