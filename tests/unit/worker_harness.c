#include "tests/unit/worker_harness.h"

#include "shm/policy_area.h"
#include "shm/process.h"
#include "worker/inspect/policy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define FULL_LOOKS 10u /* so many in a row at which nothing moves */

static void
publish_policy(const struct shm *shm)
{
	struct policy_slot *slot = &shm_policy(shm)->slot[0];
	struct inspect_policy policy;
	static const char name[] = "gate.example.org";

	inspect_policy_default(&policy, name, sizeof(name) - 1);
	memcpy(slot->image, &policy, sizeof(policy));
	slot->size = sizeof(policy);
	memset(slot->generation, 0x5a, sizeof(slot->generation));
	atomic_store(&slot->state, POLICY_READY);
}

static void
supervisor_lives(struct harness *harness)
{
	harness->supervisor = fork();
	assert_true(harness->supervisor >= 0);
	if (harness->supervisor != 0)
		return;
	for (;;)
		pause();
}

void
harness_supervisor_dies(struct harness *harness)
{
	kill(harness->supervisor, SIGKILL);
	assert_int_equal(waitpid(harness->supervisor, NULL, 0), harness->supervisor);
	harness->supervisor = 0;
}

void
harness_release(struct harness *harness, enum release_mode mode)
{
	unsigned looks = 0;

	standby_set(&harness->standby, mode);
	for (unsigned i = 0; i < HARNESS_WORKERS; i++)
		while (harness->worker[i].pid != 0 && !standby_is_seen(&harness->standby, i))
			assert_true(harness_look(harness, &looks));
}

void
harness_acknowledge(struct harness *harness)
{
	standby_look(&harness->standby);
	standby_acknowledge(&harness->standby);
}

static _Noreturn void
acknowledge(struct harness *harness, unsigned delay_ms)
{
	for (;;) {
		if (!standby_wait(&harness->standby, HARNESS_LOOK_MS))
			continue;
		usleep(delay_ms * 1000);
		standby_acknowledge(&harness->standby);
	}
}

void
harness_acknowledge_always(struct harness *harness, unsigned delay_ms)
{
	harness->acknowledging = fork();
	assert_true(harness->acknowledging >= 0);
	if (harness->acknowledging == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		acknowledge(harness, delay_ms);
	}
}

void
harness_acknowledge_nothing(struct harness *harness)
{
	kill(harness->acknowledging, SIGKILL);
	assert_int_equal(waitpid(harness->acknowledging, NULL, 0), harness->acknowledging);
	harness->acknowledging = 0;
}

static void
pair_from_the_beginning(struct harness *harness)
{
	const char *delay_ms = getenv(HARNESS_PAIRED);

	if (delay_ms == NULL)
		return;
	harness_release(harness, RELEASE_PAIRED);
	harness_acknowledge_always(harness, (unsigned)strtoul(delay_ms, NULL, 10));
}

void
harness_open(struct harness *harness, const char *program)
{
	struct shm_plan plan = {
	    .slots = HARNESS_SLOTS, .chunks = HARNESS_CHUNKS, .workers = HARNESS_WORKERS};

	memset(harness, 0, sizeof(*harness));
	harness->program = program;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(shm_create(&harness->shm, &plan), 0);
	atomic_store(shm_clock_floor(&harness->shm), 100000);
	harness->journal = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (unsigned i = 0; i < HARNESS_WORKERS; i++)
		harness->release[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	standby_init(&harness->standby, &harness->shm, harness->journal, harness->release);
	publish_policy(&harness->shm);
	supervisor_lives(harness);
	pair_from_the_beginning(harness);
}

void
harness_close(struct harness *harness)
{
	for (unsigned i = 0; i < HARNESS_WORKERS; i++)
		if (harness->worker[i].pid != 0)
			harness_kill(harness, i, SIGKILL);
	if (harness->supervisor != 0)
		harness_supervisor_dies(harness);
	if (harness->acknowledging != 0)
		harness_acknowledge_nothing(harness);
	for (uint32_t slot = 0; slot < HARNESS_SLOTS; slot++) {
		struct harness_session *session = &harness->session[slot];

		for (int leg = 0; session->used && leg < SHM_LEGS; leg++) {
			close(session->peer[leg]);
			close(session->kept[leg]);
		}
	}
	close(harness->journal);
	for (unsigned i = 0; i < HARNESS_WORKERS; i++)
		close(harness->release[i]);
	shm_detach(&harness->shm);
}

/* In the child: the inherited descriptors by number, then the program. */
static void
become_worker(const struct harness *harness, unsigned index, const int pair[2])
{
	int from[INHERITED_END];
	char text[2][16];

	for (int i = 0; i < SHM_REGIONS; i++)
		from[INHERITED_REGIONS + i] = harness->shm.fd[i];
	from[INHERITED_HANDOVER] = pair[1];
	from[INHERITED_SUPERVISOR] = pidfd_open(harness->supervisor, 0);
	from[INHERITED_HANDOVER_OTHER] = pair[0];
	from[INHERITED_SHELF] = from[INHERITED_SHELF_OTHER] = pair[0];
	from[INHERITED_RELEASE] = harness->release[index];
	from[INHERITED_JOURNAL] = harness->journal;
	from[INHERITED_LEGS] = from[INHERITED_LEGS_OTHER] = pair[0];
	for (int i = INHERITED_REGIONS; i < INHERITED_END; i++)
		from[i] = fcntl(from[i], F_DUPFD, 100);
	for (int i = INHERITED_REGIONS; i < INHERITED_END; i++)
		if (dup2(from[i], i) < 0)
			_exit(99);
	for (int i = INHERITED_END; i < 1024; i++)
		close(i);
	snprintf(text[0], sizeof(text[0]), "%u", index);
	snprintf(text[1], sizeof(text[1]), "%u", harness->worker[index].owner);
	execle(harness->program, harness->program, text[0], text[1], (char *)NULL,
	    (char *const[]){NULL});
	_exit(99);
}

void
harness_start(struct harness *harness, unsigned index)
{
	struct harness_worker *worker = &harness->worker[index];
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	*worker = (struct harness_worker){
	    .socket = pair[0], .owner = PROCESS_OWNER(index, ++harness->serial)};
	worker->pid = fork();
	assert_true(worker->pid >= 0);
	if (worker->pid == 0)
		become_worker(harness, index, pair);
	close(pair[1]);
	for (unsigned looks = 0; !worker->ready && harness_look(harness, &looks);)
		continue;
	assert_true(worker->ready);
}

static void
greet(struct harness *harness, struct harness_worker *worker, int supervisor)
{
	struct handover_item item = {.kind = HANDOVER_GREETING, .generation = ++worker->greeting};

	worker->ready = false;
	assert_int_equal(handover_send(worker->socket, &item, 1, &supervisor, 1), 0);
	for (int i = 0; i < 100 && !worker->ready; i++)
		harness_listen(harness, 100);
	assert_true(worker->ready);
}

void
harness_supervisor_greets(struct harness *harness)
{
	int supervisor;

	supervisor_lives(harness);
	supervisor = pidfd_open(harness->supervisor, 0);
	assert_true(supervisor >= 0);
	for (unsigned i = 0; i < HARNESS_WORKERS; i++)
		if (harness->worker[i].pid != 0)
			greet(harness, &harness->worker[i], supervisor);
	close(supervisor);
}

int
harness_kill(struct harness *harness, unsigned index, int signal_number)
{
	struct harness_worker *worker = &harness->worker[index];
	int status = 0;

	if (signal_number != 0)
		kill(worker->pid, signal_number);
	assert_int_equal(waitpid(worker->pid, &status, 0), worker->pid);
	/* What it had said before it died counts. */
	harness_listen(harness, 0);
	close(worker->socket);
	worker->pid = 0;
	return status;
}

static void
bound_input(int fd)
{
	const int bytes = SHM_RECEIVE_BUFFER;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)), 0);
}

static void
tcp_pair(bool bounds_input, int *ret_connected, int *ret_accepted)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(listener >= 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
	*ret_connected = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bounds_input) {
		bound_input(listener);
		bound_input(*ret_connected);
	}
	assert_int_equal(connect(*ret_connected, (struct sockaddr *)&address, sizeof(address)), 0);
	*ret_accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(*ret_accepted >= 0);
	close(listener);
}

static void
custody_fill(struct harness *harness, unsigned index, uint32_t slot, enum slot_mode mode)
{
	struct slot_custody *custody = shm_custody(&harness->shm, slot);
	struct harness_session *session = &harness->session[slot];

	session->generation = atomic_load(&custody->generation) + 1;
	atomic_store(&custody->generation, session->generation);
	atomic_store(&custody->owner, harness->worker[index].owner);
	custody->session_id = ++harness->session_id;
	custody->opened_ms = atomic_load(shm_clock_floor(&harness->shm));
	memset(&custody->policy_hash, 0x5a, sizeof(custody->policy_hash));
	custody->policy_slot = 0;
	custody->mode = (uint8_t)mode;
	atomic_store(&custody->state, SLOT_OPEN);
}

static void
hand_over(struct harness *harness, unsigned index, struct handover_item item, const int *fds,
    unsigned count)
{
	item.generation = harness->session[item.slot].generation;
	assert_int_equal(handover_send(harness->worker[index].socket, &item, 1, fds, count), 0);
}

void
harness_session_open(
    struct harness *harness, unsigned index, uint32_t slot, enum slot_mode mode, bool server)
{
	struct harness_session *session = &harness->session[slot];

	*session = (struct harness_session){.used = true};
	tcp_pair(harness->bounds_input, &session->peer[SHM_CLIENT], &session->kept[SHM_CLIENT]);
	tcp_pair(harness->bounds_input, &session->kept[SHM_SERVER], &session->peer[SHM_SERVER]);
	custody_fill(harness, index, slot, mode);
	hand_over(harness, index,
	    (struct handover_item){
		.kind = HANDOVER_CLIENT, .slot = slot, .legs = HANDOVER_LEG(SHM_CLIENT)},
	    &session->kept[SHM_CLIENT], 1);
	if (server)
		harness_server_open(harness, index, slot);
}

void
harness_server_open(struct harness *harness, unsigned index, uint32_t slot)
{
	hand_over(harness, index,
	    (struct handover_item){
		.kind = HANDOVER_SERVER, .slot = slot, .legs = HANDOVER_LEG(SHM_SERVER)},
	    &harness->session[slot].kept[SHM_SERVER], 1);
}

void
harness_server_failed(struct harness *harness, unsigned index, uint32_t slot, int32_t error)
{
	hand_over(harness, index,
	    (struct handover_item){.kind = HANDOVER_SERVER_FAILED, .slot = slot, .error = error},
	    NULL, 0);
}

void
harness_say(struct harness *harness, unsigned index, enum handover_kind kind, uint32_t slot)
{
	hand_over(
	    harness, index, (struct handover_item){.kind = (uint16_t)kind, .slot = slot}, NULL, 0);
}

/* The numbers come from several calls while the peer goes on: they fit when nothing moved. */
static void
kernel_look(int fd, struct tcp_info *info, int *unread, int *unsent)
{
	struct tcp_info after;
	socklen_t length;

	do {
		length = sizeof(*info);
		assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &length), 0);
		assert_int_equal(ioctl(fd, SIOCINQ, unread), 0);
		assert_int_equal(ioctl(fd, SIOCOUTQ, unsent), 0);
		length = sizeof(after);
		assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &after, &length), 0);
	} while (after.tcpi_bytes_received != info->tcpi_bytes_received ||
		 after.tcpi_bytes_acked != info->tcpi_bytes_acked ||
		 after.tcpi_state != info->tcpi_state);
}

/* What the kernel gave to and took from the holders of this descriptor; each FIN and the SYN of an
 * active open count as a byte. */
static void
kernel_counts(int fd, bool active, struct handover_item *item, enum shm_leg leg)
{
	enum { FIN_WAIT1 = 4, FIN_WAIT2, TIME_WAIT, CLOSE, CLOSE_WAIT, LAST_ACK, CLOSING = 11 };
	const unsigned seen =
	    1u << TIME_WAIT | 1u << CLOSE_WAIT | 1u << LAST_ACK | 1u << CLOSING | 1u << CLOSE;
	const unsigned sent = 1u << FIN_WAIT1 | 1u << FIN_WAIT2 | 1u << TIME_WAIT | 1u << LAST_ACK |
			      1u << CLOSING | 1u << CLOSE;
	struct tcp_info info;
	int unread, unsent;

	kernel_look(fd, &info, &unread, &unsent);
	item->consumed[leg] =
	    info.tcpi_bytes_received - (uint64_t)unread - ((seen & 1u << info.tcpi_state) != 0);
	item->written[leg] = info.tcpi_bytes_acked + (uint64_t)unsent - active -
			     ((sent & 1u << info.tcpi_state) != 0);
	/* Here nobody resets: a leg in CLOSE was ended in order by both sides. */
	item->tcp_state[leg] = info.tcpi_state == CLOSE ? TIME_WAIT : info.tcpi_state;
}

void
harness_adopt(struct harness *harness, unsigned index, uint32_t slot, uint8_t flags)
{
	struct harness_session *session = &harness->session[slot];
	struct handover_item item = {.kind = HANDOVER_ADOPT,
	    .flags = flags,
	    .slot = slot,
	    .legs = HANDOVER_LEG(SHM_CLIENT) | HANDOVER_LEG(SHM_SERVER)};

	atomic_store(&shm_custody(&harness->shm, slot)->owner, harness->worker[index].owner);
	kernel_counts(session->kept[SHM_CLIENT], false, &item, SHM_CLIENT);
	kernel_counts(session->kept[SHM_SERVER], true, &item, SHM_SERVER);
	hand_over(harness, index, item, session->kept, 2);
}

void
harness_lose(struct harness *harness, unsigned index, uint32_t slot)
{
	struct handover_item item = {.kind = HANDOVER_ADOPT, .flags = HANDOVER_LOST, .slot = slot};

	atomic_store(&shm_custody(&harness->shm, slot)->owner, harness->worker[index].owner);
	hand_over(harness, index, item, NULL, 0);
}

void
harness_adopt_all(struct harness *harness, unsigned index, uint8_t flags)
{
	for (uint32_t slot = 0; slot < HARNESS_SLOTS; slot++)
		if (harness->session[slot].used && !harness->session[slot].finished)
			harness_adopt(harness, index, slot, flags);
}

static void
carry_out_reset(struct harness_session *session, uint8_t legs)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};

	for (int leg = 0; leg < SHM_LEGS; leg++)
		if (legs & HANDOVER_LEG(leg))
			connect(session->kept[leg], &none, sizeof(none));
	session->resets |= legs;
}

static void
take_item(struct harness *harness, struct harness_worker *worker, const struct handover_item *item)
{
	struct harness_session *session;

	if (item->kind == HANDOVER_READY) {
		assert_int_equal(item->slot, worker->owner);
		assert_int_equal(item->generation, worker->greeting);
		worker->ready = true;
		return;
	}
	if (item->kind == HANDOVER_TAKEN || harness->deaf)
		return;
	assert_in_range(item->slot, 0, HARNESS_SLOTS - 1);
	session = &harness->session[item->slot];
	assert_int_equal(item->generation, session->generation);
	if (item->kind == HANDOVER_RESET) {
		carry_out_reset(session, item->legs);
		return;
	}
	assert_int_equal(item->kind, HANDOVER_FINISHED);
	assert_false(session->finished);
	session->finished = true;
	for (int leg = 0; leg < SHM_LEGS; leg++)
		close(session->kept[leg]);
	session->kept[SHM_CLIENT] = session->kept[SHM_SERVER] = -1;
	atomic_store(&shm_custody(&harness->shm, item->slot)->state, SLOT_FREE);
}

static void
listen_to(struct harness *harness, struct harness_worker *worker)
{
	struct handover_item items[HANDOVER_BATCH];
	int fds[HANDOVER_FDS], count;
	unsigned fd_count;

	while ((count = handover_receive(worker->socket, items, fds, &fd_count)) > 0)
		for (int i = 0; i < count; i++)
			take_item(harness, worker, &items[i]);
}

void
harness_listen(struct harness *harness, int wait_ms)
{
	struct pollfd wait[HARNESS_WORKERS];
	nfds_t count = 0;

	for (unsigned i = 0; i < HARNESS_WORKERS; i++)
		if (harness->worker[i].pid != 0)
			wait[count++] =
			    (struct pollfd){.fd = harness->worker[i].socket, .events = POLLIN};
	poll(wait, count, wait_ms);
	for (unsigned i = 0; i < HARNESS_WORKERS; i++)
		if (harness->worker[i].pid != 0)
			listen_to(harness, &harness->worker[i]);
}

bool
harness_look(struct harness *harness, unsigned *looks)
{
	if (++*looks > HARNESS_LOOKS)
		return false;
	harness_listen(harness, HARNESS_LOOK_MS);
	return true;
}

void
harness_wait_finished(struct harness *harness, uint32_t slot)
{
	unsigned looks = 0;

	while (!harness->session[slot].finished && harness_look(harness, &looks))
		continue;
	assert_true(harness->session[slot].finished);
}

void
harness_write(struct harness *harness, uint32_t slot, enum shm_leg leg, const char *text)
{
	size_t length = strlen(text);

	assert_int_equal(write(harness->session[slot].peer[leg], text, length), length);
}

/* Bytes from our end of the leg; 0 at its end, -errno. */
static ssize_t
read_some(struct harness *harness, uint32_t slot, enum shm_leg leg, char *to, size_t most)
{
	struct pollfd wait = {.fd = harness->session[slot].peer[leg], .events = POLLIN};
	ssize_t count;

	for (unsigned i = 0; i < HARNESS_LOOKS && poll(&wait, 1, HARNESS_LOOK_MS) == 0; i++)
		harness_listen(harness, 0);
	count = recv(wait.fd, to, most, MSG_DONTWAIT);
	return count < 0 ? -errno : count;
}

void
harness_expect(struct harness *harness, uint32_t slot, enum shm_leg leg, const char *text)
{
	char got[4096];
	size_t length = strlen(text), have = 0;

	assert_true(length < sizeof(got));
	while (have < length) {
		ssize_t count = read_some(harness, slot, leg, got + have, length - have);

		if (count <= 0)
			fail_msg("leg %d: %zd after \"%.*s\", wanted \"%s\"", leg, count, (int)have,
			    got, text);
		have += (size_t)count;
	}
	got[have] = '\0';
	assert_string_equal(got, text);
}

void
harness_expect_line(struct harness *harness, uint32_t slot, enum shm_leg leg, const char *beginning)
{
	char line[1024];
	size_t have = 0;

	do {
		ssize_t count = read_some(harness, slot, leg, line + have, 1);

		if (count <= 0 || have + 2 > sizeof(line))
			fail_msg("leg %d: %zd after \"%.*s\", wanted \"%s\"", leg, count, (int)have,
			    line, beginning);
		have++;
	} while (line[have - 1] != '\n');
	line[have] = '\0';
	if (strncmp(line, beginning, strlen(beginning)) != 0)
		fail_msg("leg %d: \"%s\", wanted \"%s\"", leg, line, beginning);
}

/* Whether the process waits for something to happen: one that is only not given the CPU does not. */
static bool
sleeps(pid_t pid)
{
	char path[32], text[256];
	const char *name_end;
	int fd;
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	assert_true(length > 0);
	text[length] = '\0';
	name_end = strrchr(text, ')');
	assert_non_null(name_end);
	return strncmp(name_end, ") S", 3) == 0;
}

bool
harness_is_stopped(const struct harness *harness, uint32_t slot, enum shm_leg leg)
{
	const struct harness_session *session = &harness->session[slot];
	int waiting = 0, unsent = 0;

	assert_int_equal(ioctl(session->kept[leg], SIOCINQ, &waiting), 0);
	assert_int_equal(ioctl(session->kept[!leg], SIOCOUTQ, &unsent), 0);
	for (unsigned i = 0; i < HARNESS_WORKERS; i++)
		if (harness->worker[i].pid != 0 && !sleeps(harness->worker[i].pid))
			return false;
	return waiting > 0 && unsent > 0;
}

/* The looks are apart for the kernel's own delays (an ACK comes up to 40 ms late), not for the
 * worker, however slow it is. */
uint64_t
harness_fill(struct harness *harness, uint32_t slot, enum shm_leg leg)
{
	static const uint8_t bytes[65536];
	const struct harness_session *session = &harness->session[slot];
	uint64_t total = 0;

	for (unsigned idle = 0, looks = 0; idle < FULL_LOOKS;) {
		ssize_t count =
		    send(session->peer[leg], bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL);

		if (count > 0) {
			total += (uint64_t)count;
			idle = 0;
			continue;
		}
		if (!harness_look(harness, &looks))
			fail_msg("leg %d took %llu bytes and is not full", (int)leg,
			    (unsigned long long)total);
		idle = harness_is_stopped(harness, slot, leg) ? idle + 1 : 0;
	}
	return total;
}

void
harness_expect_silence(struct harness *harness, uint32_t slot, enum shm_leg leg, int wait_ms)
{
	struct pollfd wait = {.fd = harness->session[slot].peer[leg], .events = POLLIN};
	char got[256];

	for (int i = 0; i < wait_ms / HARNESS_LOOK_MS; i++) {
		harness_listen(harness, 0);
		if (poll(&wait, 1, HARNESS_LOOK_MS) != 0)
			fail_msg("leg %d: %zd instead of silence", leg,
			    recv(wait.fd, got, sizeof(got), MSG_DONTWAIT));
	}
}

int
harness_expect_end(struct harness *harness, uint32_t slot, enum shm_leg leg)
{
	char got[4096];
	ssize_t count = read_some(harness, slot, leg, got, sizeof(got));

	if (count > 0)
		fail_msg("leg %d: \"%.*s\" instead of its end", leg, (int)count, got);
	return (int)-count;
}
