#include "daemon/gate/keeper.h"

#include "daemon/gate/packet.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

/* At what waits, whether it has waited for too long. */
#define LOOK_MS	      1000
#define EARLY_LOOK_MS 100

#define EARLY_MORE 1024u /* octets that a packet costs the kernel beside its own */

static uint32_t
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint32_t)now.tv_sec;
}

static uint64_t
milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Each word of sync is an edge: nobody has to read how many there were. */
static int
open_epoll(struct keeper *keeper)
{
	struct epoll_event word = {.events = EPOLLIN | EPOLLET, .data.fd = KEEPER_FD_WAKE};
	struct epoll_event packet = {.events = EPOLLIN, .data.fd = keeper->queue.socket};

	keeper->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (keeper->epoll < 0 ||
	    epoll_ctl(keeper->epoll, EPOLL_CTL_ADD, KEEPER_FD_WAKE, &word) < 0 ||
	    epoll_ctl(keeper->epoll, EPOLL_CTL_ADD, keeper->queue.socket, &packet) < 0)
		return -errno;
	return 0;
}

int
keeper_open(struct keeper *keeper, uint32_t slots, uint16_t queue_number, const char **ret_step)
{
	int error;

	*ret_step = "positions";
	error = gate_positions_map(&keeper->positions, KEEPER_FD_POSITIONS, slots, false);
	if (error < 0)
		return error;
	*ret_step = "board";
	error = gate_board_map(&keeper->board, KEEPER_FD_BOARD, true);
	if (error < 0)
		return error;
	*ret_step = "memory";
	keeper->parked = parked_create(slots, KEEPER_PARKED_MOST);
	if (keeper->parked == NULL)
		return -ENOMEM;
	keeper->embryos = KEEPER_FD_EMBRYOS;
	keeper->embryo_first = atomic_load(&keeper->board->embryos.written) + 1;
	*ret_step = "packet queue";
	error = queue_open(&keeper->queue, queue_number);
	if (error < 0)
		return error;
	*ret_step = "epoll";
	return open_epoll(keeper);
}

static void
tell(struct keeper *keeper, enum queue_of of, uint32_t id, bool leaves)
{
	int error = queue_verdict(&keeper->queue, of, id, leaves);

	if (error < 0)
		keeper->error = error;
}

static void
drop(struct keeper *keeper, const struct queue_packet *packet, enum gate_counter why)
{
	gate_count(keeper->board, why);
	tell(keeper, packet->queue, packet->id, false);
}

static void
pass(struct keeper *keeper, const struct queue_packet *packet)
{
	gate_count(keeper->board, GATE_COUNTER_late);
	tell(keeper, packet->queue, packet->id, true);
}

static void
hold_embryo(struct keeper *keeper, const struct queue_packet *packet)
{
	struct embryo embryo;
	uint64_t number;

	if (!embryo_parse(packet->bytes, packet->length, &embryo)) {
		drop(keeper, packet, GATE_COUNTER_unreadable);
		return;
	}
	/* Those before the first that waits are settled, known or not. */
	number = embryo_add(&keeper->board->embryos, &embryo, keeper->embryo_first - 1);
	if (number == 0) {
		drop(keeper, packet, GATE_COUNTER_embryos_refused);
		return;
	}
	keeper->embryo_id[number % EMBRYO_MOST] = packet->id;
	keeper->has_embryos = true;
	gate_count(keeper->board, GATE_COUNTER_embryos_held);
}

/* What may leave is parked too while it is a bare ACK: the next one of this turn may take its place. */
static void
park(struct keeper *keeper, const struct queue_packet *packet, const struct gate_packet *asked,
    bool is_bare, bool passes)
{
	const struct parked_packet waits = {
	    .packet = *asked, .id = packet->id, .since = seconds(), .is_bare = is_bare};
	uint32_t replaced;

	switch (parked_add(keeper->parked, &waits, &replaced)) {
	case PARKED_FULL:
		if (passes)
			pass(keeper, packet);
		else
			drop(keeper, packet, GATE_COUNTER_full);
		return;
	case PARKED_REPLACES:
		gate_count(keeper->board, GATE_COUNTER_superseded);
		tell(keeper, QUEUE_LEGS, replaced, false);
		break;
	case PARKED_WAITS:
		break;
	}
	keeper->has_passing = keeper->has_passing || passes;
	gate_count(keeper->board, GATE_COUNTER_held);
}

static void
take_early(struct keeper *keeper, const struct queue_packet *packet)
{
	const struct early_packet waits = {
	    .id = packet->id,
	    .octets = (uint32_t)packet->whole + EARLY_MORE,
	    .since_ms = milliseconds(),
	};

	if (gate_positions_early_pass(&keeper->positions) != 0) {
		tell(keeper, QUEUE_EARLY, packet->id, true);
		return;
	}
	if (early_add(&keeper->early, &waits))
		gate_count(keeper->board, GATE_COUNTER_early_held);
	else
		drop(keeper, packet, GATE_COUNTER_early_refused);
}

static void
take_packet(void *context, const struct queue_packet *packet)
{
	struct keeper *keeper = context;
	struct packet_headers headers;
	struct gate_packet asked;
	struct gate_place place;
	bool is_bare, is_alone = gate_positions_is_alone(&keeper->positions);

	if (packet->queue == QUEUE_EARLY) {
		take_early(keeper, packet);
		return;
	}
	if (packet->bytes == NULL ||
	    !packet_parse(packet->bytes, packet->length, packet->whole, &headers)) {
		drop(keeper, packet, GATE_COUNTER_unreadable);
		return;
	}
	asked = packet_to_decide(&headers, packet->mark);
	/* The filter gives nothing else that has no mark. */
	asked.is_guarded = true;
	place = gate_positions_get(&keeper->positions, asked.mark);
	is_bare = headers.payload == 0 && (asked.flags & (GATE_SYN | GATE_FIN | GATE_RST)) == 0;
	switch (gate_decide(&asked, is_alone, &place)) {
	case GATE_PASS:
		if (is_bare && packet->queue == QUEUE_LEGS)
			park(keeper, packet, &asked, is_bare, true);
		else
			pass(keeper, packet);
		break;
	case GATE_HOLD:
		if (packet->queue == QUEUE_EMBRYOS)
			hold_embryo(keeper, packet);
		else
			park(keeper, packet, &asked, is_bare, false);
		break;
	case GATE_DROP:
		drop(keeper, packet,
		    (asked.flags & (GATE_FIN | GATE_RST)) != 0 ? GATE_COUNTER_ends
							       : GATE_COUNTER_unplaced);
		break;
	}
}

static void
let_go(void *context, uint32_t id, bool leaves)
{
	struct keeper *keeper = context;

	gate_count(keeper->board, leaves ? GATE_COUNTER_released : GATE_COUNTER_given_up);
	tell(keeper, QUEUE_LEGS, id, leaves);
}

static void
review_parked(struct keeper *keeper)
{
	keeper->has_passing = false;
	parked_review(keeper->parked, &keeper->positions, seconds(), let_go, keeper);
}

static void
review_embryos(struct keeper *keeper)
{
	uint64_t written =
	    atomic_load_explicit(&keeper->board->embryos.written, memory_order_relaxed);
	uint64_t known = gate_positions_known_embryos(&keeper->positions);

	if (gate_positions_is_alone(&keeper->positions) || known > written)
		known = written;
	for (; keeper->embryo_first <= known; keeper->embryo_first++) {
		gate_count(keeper->board, GATE_COUNTER_embryos_released);
		tell(keeper, QUEUE_EMBRYOS, keeper->embryo_id[keeper->embryo_first % EMBRYO_MOST],
		    true);
	}
}

static void
review_early(struct keeper *keeper)
{
	uint32_t id;

	while (
	    gate_positions_early_pass(&keeper->positions) != 0 && early_take(&keeper->early, &id)) {
		gate_count(keeper->board, GATE_COUNTER_early_released);
		tell(keeper, QUEUE_EARLY, id, true);
	}
	while (early_take_old(&keeper->early, milliseconds(), &id)) {
		gate_count(keeper->board, GATE_COUNTER_early_given_up);
		tell(keeper, QUEUE_EARLY, id, false);
	}
}

static bool
something_waits(const struct keeper *keeper)
{
	return !parked_is_empty(keeper->parked) ||
	       keeper->embryo_first <=
		   atomic_load_explicit(&keeper->board->embryos.written, memory_order_relaxed);
}

static void
review(struct keeper *keeper)
{
	keeper->reviewed_ms = milliseconds();
	review_parked(keeper);
	review_embryos(keeper);
	review_early(keeper);
}

/* Says whether sync's word is wanted; if it was not so far, a word may have been left out. */
static void
say_whether_it_waits(struct keeper *keeper)
{
	uint32_t waits = something_waits(keeper);

	if (atomic_load_explicit(&keeper->board->is_waiting, memory_order_relaxed) == waits)
		return;
	atomic_store(&keeper->board->is_waiting, waits);
	if (waits != 0) {
		atomic_thread_fence(memory_order_seq_cst);
		review(keeper);
	}
}

/* Sync waits for this word; a full eventfd says as much. */
static void
tell_of_embryos(struct keeper *keeper)
{
	const uint64_t one = 1;

	if (keeper->has_embryos && write(keeper->embryos, &one, sizeof(one)) < 0)
		errno = 0;
	keeper->has_embryos = false;
}

/* `pass`: the number that there was before the queue was asked, which had no more then.  All verdicts are told. */
static void
say_passed(struct keeper *keeper, uint32_t pass)
{
	if (pass != 0 && early_is_empty(&keeper->early))
		atomic_store(&keeper->board->early_passed, pass);
}

static int
pause_ms(const struct keeper *keeper)
{
	if (!early_is_empty(&keeper->early))
		return EARLY_LOOK_MS;
	return parked_is_empty(keeper->parked) ? -1 : LOOK_MS;
}

/* Packets that come all the time leave no pause. */
static bool
is_due(const struct keeper *keeper)
{
	int pause = pause_ms(keeper);

	return pause >= 0 && milliseconds() - keeper->reviewed_ms >= (uint64_t)pause;
}

static int
gather(struct keeper *keeper, bool gathers)
{
	struct epoll_event packet = {
	    .events = gathers ? 0 : EPOLLIN, .data.fd = keeper->queue.socket};

	if (keeper->gathers == gathers)
		return 0;
	keeper->gathers = gathers;
	return epoll_ctl(keeper->epoll, EPOLL_CTL_MOD, keeper->queue.socket, &packet) < 0 ? -errno
											  : 0;
}

/* While packets gather they are looked for whatever came. */
static int
wait(struct keeper *keeper, bool *ret_has_word, bool *ret_has_packets)
{
	struct epoll_event ready[2];
	int count = epoll_wait(
	    keeper->epoll, ready, 2, keeper->gathers ? KEEPER_GATHER_MS : pause_ms(keeper));

	if (count < 0)
		return errno == EINTR ? 0 : -errno;
	*ret_has_packets = keeper->gathers;
	*ret_has_word = (count == 0 && !keeper->gathers) || is_due(keeper);
	for (int i = 0; i < count; i++) {
		*ret_has_word = *ret_has_word || ready[i].data.fd == KEEPER_FD_WAKE;
		*ret_has_packets = *ret_has_packets || ready[i].data.fd == keeper->queue.socket;
	}
	return 0;
}

static int
turn(struct keeper *keeper, const char **ret_step)
{
	bool has_word = false, has_packets = false;
	int error, received = 0;
	uint32_t pass;

	*ret_step = "wait";
	error = wait(keeper, &has_word, &has_packets);
	if (error < 0)
		return error;
	pass = gate_positions_early_pass(&keeper->positions);
	if (has_word)
		review(keeper);
	*ret_step = "packet queue";
	if (has_packets)
		received = queue_receive(&keeper->queue, take_packet, keeper);
	if (received < 0)
		return received;
	if (keeper->has_passing)
		review_parked(keeper);
	say_whether_it_waits(keeper);
	tell_of_embryos(keeper);
	*ret_step = "verdict";
	error = queue_flush(&keeper->queue);
	if (error == 0)
		error = gather(keeper, has_word && !parked_is_empty(keeper->parked));
	if (error == 0 && received < (int)QUEUE_BATCH)
		say_passed(keeper, pass);
	return error < 0 ? error : keeper->error;
}

int
keeper_run(struct keeper *keeper, const char **ret_step)
{
	int error;

	do
		error = turn(keeper, ret_step);
	while (error == 0);
	return error;
}
