#include "daemon/supervisor/gate_child.h"

#include "daemon/supervisor/door.h"
#include "daemon/supervisor/launch.h"
#include "daemon/supervisor/supervisor.h"
#include "shm/succession.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

void
gate_child_init(struct supervisor *supervisor)
{
	struct gate_child *child = &supervisor->gate;

	gate_init(&child->gate);
	process_init(&child->process);
}

bool
gate_child_is_there(const struct supervisor *supervisor)
{
	return supervisor->gate.places.place != NULL;
}

static void
tell(const struct supervisor *supervisor, uint32_t id, const char *text, const char *why)
{
	struct event event;

	event_init(&event, id, 0);
	event_add_text(&event, text, strlen(text));
	if (why != NULL)
		event_add_text(&event, why, strlen(why));
	supervisor_event(supervisor, &event);
}

/* ---- the start ---- */

/* That there is none, and why: once for each start. */
static void
say_absent(struct supervisor *supervisor, const char *step, int error)
{
	char text[DOOR_GATE_FAULT_MAX];

	snprintf(text, sizeof(text), "%s: %s%s", step, strerror(-error),
	    error == -EPERM ? " (CAP_NET_ADMIN, CAP_BPF and bpf(2) are needed)" : "");
	fprintf(stderr,
	    "smtpguardd: no gate: %s; the other host cannot go on with the sessions of "
	    "this one\n",
	    text);
	tell(supervisor, 109064, text, NULL);
	door_set_gate(supervisor, GATE_VIEW_ABSENT, text);
}

/* That of an earlier supervisor; it is ended if another one has to be made. */
static bool
take_left(struct gate_child *child, uint32_t slots)
{
	const char *step;
	int error;

	if (!process_is_running(&child->process))
		return false;
	error = gate_take(&child->gate, slots, child->process.pidfd, &step);
	if (error == 0)
		return true;
	fprintf(stderr, "smtpguardd: the gate of an earlier smtpguardd is replaced: %s: %s\n", step,
	    strerror(-error));
	process_end(&child->process);
	return false;
}

static int
map(struct gate_child *child, uint32_t slots, const char **ret_step)
{
	int error;

	*ret_step = "board";
	error = gate_board_map(&child->board, child->gate.board, false);
	if (error < 0)
		return error;
	*ret_step = "table of positions";
	return gate_positions_map(&child->places, child->gate.filter.positions, slots, true);
}

static void
watch(struct supervisor *supervisor)
{
	const struct process *process = &supervisor->gate.process;

	/* If memory is short the tick looks after it. */
	if (process_is_running(process))
		watch_add(supervisor->epoll, process->pidfd, EPOLLIN,
		    (struct watch_note){.kind = WATCH_GATE_END});
}

void
gate_child_close(struct supervisor *supervisor)
{
	struct gate_child *child = &supervisor->gate;

	supervisor->custody.places = NULL;
	gate_positions_unmap(&child->places);
	if (child->board != NULL)
		gate_board_unmap(child->board);
	child->board = NULL;
	gate_close(&child->gate);
}

void
gate_child_open(struct supervisor *supervisor)
{
	struct gate_child *child = &supervisor->gate;
	uint32_t slots = supervisor->shm.slots;
	const char *step = "";
	int error = 0;

	if (supervisor->settings.failover.line == 0) {
		if (process_is_running(&child->process))
			process_end(&child->process);
		return;
	}
	if (!take_left(child, slots))
		error = gate_make(&child->gate, slots, &step);
	if (error == 0)
		error = map(child, slots, &step);
	if (error < 0) {
		gate_child_close(supervisor);
		say_absent(supervisor, step, error);
		return;
	}
	supervisor->custody.places = &child->places;
	watch(supervisor);
	/* Its program may be another one now. */
	if (atomic_load(&shm_succession(&supervisor->shm)->upgrade) != 0)
		process_signal(&child->process, SIGTERM);
	door_set_gate(supervisor, GATE_VIEW_STANDS, "");
}

void
gate_child_leave(struct supervisor *supervisor)
{
	const char *step;
	int error;

	if (!gate_child_is_there(supervisor))
		return;
	error = gate_filter_remove(&step);
	if (error < 0)
		fprintf(stderr, "smtpguardd: the gate stays: %s: %s\n", step, strerror(-error));
}

/* ---- its life ---- */

static void
launch(struct supervisor *supervisor)
{
	struct gate_child *child = &supervisor->gate;
	struct gate_start start;
	int error;

	gate_start_init(&start, &child->gate, supervisor->gate_path, &supervisor->account);
	error = launch_held(supervisor, &start.spawn, &child->process);
	if (error < 0) {
		launch_failed(supervisor, &child->process, "smtpguard-gate", error);
		return;
	}
	launch_note(supervisor);
	watch(supervisor);
	spawn_release(&start.spawn);
}

static void
say_gone(struct supervisor *supervisor, const char *step, int error)
{
	char text[DOOR_GATE_FAULT_MAX];

	snprintf(text, sizeof(text), "%s: %s", step, strerror(-error));
	tell(supervisor, 109063, "is gone", text);
	door_set_gate(supervisor, GATE_VIEW_GONE, text);
}

/* What is gone holds nothing: it is put back, and said. */
static void
look(struct supervisor *supervisor)
{
	bool was_gone = supervisor->door.status.gate == GATE_VIEW_GONE;
	const char *step;
	int error = gate_filter_check(&step);

	if (error == 0 && !was_gone)
		return;
	if (error == -ENOENT)
		error = gate_filter_install(&supervisor->gate.gate.filter, GATE_QUEUE, &step);
	if (error == 0) {
		tell(supervisor, 109063, "was gone, and is there again", NULL);
		door_set_gate(supervisor, GATE_VIEW_STANDS, "");
	} else if (!was_gone) {
		say_gone(supervisor, step, error);
	}
}

#define X(name)                                                                                    \
	_Static_assert(COUNTER_gate_##name == COUNTER_gate_held + GATE_COUNTER_##name, #name);
GATE_COUNTERS(X)
#undef X

static void
publish(const struct supervisor *supervisor)
{
	struct counter_block *block = shm_counters(&supervisor->shm, SHM_WRITER_SUPERVISOR);
	const struct gate_board *board = supervisor->gate.board;

	for (unsigned i = 0; i < GATE_COUNTER_COUNT; i++)
		counter_set(block, COUNTER_gate_held + i,
		    atomic_load_explicit(&board->counter[i], memory_order_relaxed));
}

void
gate_child_tick(struct supervisor *supervisor)
{
	struct gate_child *child = &supervisor->gate;

	if (!gate_child_is_there(supervisor) || supervisor->phase >= PHASE_LEAVING)
		return;
	if (!process_is_running(&child->process) &&
	    child->process.start_at_ms <= supervisor->monotonic_ms)
		launch(supervisor);
	publish(supervisor);
	if (supervisor->monotonic_ms - child->looked_ms < GATE_CHILD_LOOK_MS)
		return;
	child->looked_ms = supervisor->monotonic_ms;
	look(supervisor);
}

void
gate_child_ended(struct supervisor *supervisor)
{
	struct process *process = &supervisor->gate.process;
	pid_t pid = process->pid;
	struct process_death death;
	char text[64];

	if (!process_reap(process, supervisor->monotonic_ms, &death))
		return;
	if (supervisor->phase >= PHASE_LEAVING)
		return;
	process_describe(&death, text, sizeof(text));
	supervisor_event_process(supervisor, 109065, 0, pid, text, 0);
	gate_child_tick(supervisor);
}

/* ---- marks and guards ---- */

void
gate_child_mark(const struct supervisor *supervisor, int fd, uint32_t mark)
{
	if (gate_child_is_there(supervisor) && fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
}

static bool
is_any(const struct shm_endpoint *endpoint)
{
	static const uint8_t none[16];

	return endpoint->family == 0 ||
	       memcmp(endpoint->address, none, endpoint->family == 6 ? 16 : 4) == 0;
}

static unsigned
bits_of(const struct shm_endpoint *endpoint)
{
	return endpoint->family == 6 ? 128 : 32;
}

/* An address with two ports is guarded at all of them: the filter knows one for each. */
static uint32_t
add_guard(
    struct shm_endpoint *guards, uint32_t count, const struct shm_endpoint *endpoint, uint16_t port)
{
	struct shm_endpoint wanted = *endpoint;

	if (is_any(endpoint))
		return count;
	wanted.port = port;
	for (uint32_t i = 0; i < count; i++) {
		if (guards[i].family != wanted.family ||
		    memcmp(guards[i].address, wanted.address, sizeof(wanted.address)) != 0)
			continue;
		if (guards[i].port != wanted.port)
			guards[i].port = 0;
		return count;
	}
	guards[count] = wanted;
	return count + 1;
}

static bool
is_among(const struct shm_endpoint *guards, uint32_t count, const struct shm_endpoint *endpoint)
{
	for (uint32_t i = 0; i < count; i++)
		if (guards[i].family == endpoint->family &&
		    memcmp(guards[i].address, endpoint->address, sizeof(endpoint->address)) == 0)
			return true;
	return false;
}

static void
set_guards(struct supervisor *supervisor, const struct shm_endpoint *wanted, uint32_t count)
{
	struct gate_child *child = &supervisor->gate;

	for (uint32_t i = 0; i < count; i++) {
		int error = gate_filter_guard(&child->gate.filter, &wanted[i], bits_of(&wanted[i]));

		if (error < 0)
			fprintf(stderr, "smtpguardd: the gate does not guard an address: %s\n",
			    strerror(-error));
	}
	for (uint32_t i = 0; i < child->guards; i++)
		if (!is_among(wanted, count, &child->guard[i]))
			gate_filter_unguard(
			    &child->gate.filter, &child->guard[i], bits_of(&child->guard[i]));
	memcpy(child->guard, wanted, count * sizeof(wanted[0]));
	child->guards = count;
}

void
gate_child_listeners(struct supervisor *supervisor)
{
	struct shm_endpoint wanted[GATE_CHILD_GUARDS_MAX];
	const struct listeners *listeners = &supervisor->listeners;
	uint32_t count = 0;

	if (!gate_child_is_there(supervisor))
		return;
	for (uint32_t i = 0; i < listeners->count; i++) {
		const struct listener *listener = &listeners->listener[i];

		gate_child_mark(supervisor, listener->fd, MARK_LISTENER);
		count =
		    add_guard(wanted, count, &listener->entry.listen, listener->entry.listen.port);
		count = add_guard(wanted, count, &listener->entry.source, 0);
	}
	set_guards(supervisor, wanted, count);
}

void
gate_child_give(const struct supervisor *supervisor, struct spawn *spawn)
{
	const struct gate *gate = &supervisor->gate.gate;

	if (!gate_child_is_there(supervisor))
		return;
	spawn->fd[spawn->count++] = gate->filter.positions;
	spawn->fd[spawn->count++] = gate->board;
	spawn->fd[spawn->count++] = gate->wake;
	spawn->fd[spawn->count++] = gate->embryos;
}
