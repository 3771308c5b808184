/* handover: a packet arrives whole with its descriptors, or not at all and none stays open. */
#include "shm/handover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int pair[2];
static struct handover_item items[HANDOVER_BATCH], got[HANDOVER_BATCH];
static int fds[HANDOVER_FDS];
static unsigned fd_count;

static int
setup(void **state)
{
	(void)state;
	memset(items, 0, sizeof(items));
	fd_count = 4711;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

static int
teardown(void **state)
{
	(void)state;
	close(pair[0]);
	close(pair[1]);
	return 0;
}

static unsigned
open_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(folder);
	while (readdir(folder) != NULL)
		count++;
	closedir(folder);
	return count;
}

/* Bytes and descriptors as a hostile peer may send them: `messages` of SCM_RIGHTS. */
static void
send_raw(const void *bytes, size_t length, unsigned fds_each, unsigned messages)
{
	_Alignas(struct cmsghdr) char control[4 * CMSG_SPACE(253 * sizeof(int))] = {0};
	struct iovec vector = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
	struct msghdr message = {.msg_iov = &vector,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = messages * CMSG_SPACE(fds_each * sizeof(int))};
	struct cmsghdr *header = messages > 0 ? CMSG_FIRSTHDR(&message) : NULL;

	for (unsigned i = 0; i < messages; i++) {
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(fds_each * sizeof(int));
		for (unsigned k = 0; k < fds_each; k++)
			memcpy(CMSG_DATA(header) + k * sizeof(int), &pair[0], sizeof(int));
		header = CMSG_NXTHDR(&message, header);
	}
	assert_int_equal(sendmsg(pair[0], &message, 0), length);
}

static void
expect_refused(void)
{
	unsigned before = open_descriptors();

	assert_int_equal(handover_receive(pair[1], got, fds, &fd_count), -EPROTO);
	assert_int_equal(open_descriptors(), before);
	assert_int_equal(fd_count, 4711);
}

static void
test_fds_of_items(void **state)
{
	struct handover_item item = {.kind = HANDOVER_CLIENT, .legs = HANDOVER_LEG(SHM_CLIENT)};

	(void)state;
	assert_int_equal(handover_item_fds(&item), 1);
	item.kind = HANDOVER_SERVER;
	assert_int_equal(handover_item_fds(&item), 1);
	item.kind = HANDOVER_ADOPT;
	assert_int_equal(handover_item_fds(&item), 1);
	item.legs = HANDOVER_LEG(SHM_CLIENT) | HANDOVER_LEG(SHM_SERVER);
	assert_int_equal(handover_item_fds(&item), 2);
	item.legs = 0xff;
	assert_int_equal(handover_item_fds(&item), 2);
	item.legs = 0;
	assert_int_equal(handover_item_fds(&item), 0);
	item.kind = HANDOVER_RESET;
	item.legs = 3;
	assert_int_equal(handover_item_fds(&item), 0);
	item.kind = 0xffff;
	assert_int_equal(handover_item_fds(&item), 0);
}

static bool
same_file(int a, int b)
{
	struct stat first, second;

	assert_int_equal(fstat(a, &first), 0);
	assert_int_equal(fstat(b, &second), 0);
	return first.st_ino == second.st_ino && first.st_dev == second.st_dev;
}

static void
test_largest_packet(void **state)
{
	int sent[HANDOVER_FDS], ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	for (unsigned i = 0; i < HANDOVER_BATCH; i++) {
		items[i].kind = HANDOVER_ADOPT;
		items[i].legs = 3;
		items[i].slot = i;
		items[i].written[SHM_SERVER] = UINT64_MAX - i;
		sent[2 * i] = ends[i % 2];
		sent[2 * i + 1] = pair[0];
	}
	assert_int_equal(handover_send(pair[0], items, HANDOVER_BATCH, sent, HANDOVER_FDS), 0);
	assert_int_equal(handover_receive(pair[1], got, fds, &fd_count), HANDOVER_BATCH);
	assert_int_equal(fd_count, HANDOVER_FDS);
	assert_memory_equal(got, items, sizeof(items));
	for (unsigned i = 0; i < HANDOVER_FDS; i++) {
		assert_true(same_file(fds[i], sent[i]));
		assert_true((fcntl(fds[i], F_GETFD) & FD_CLOEXEC) != 0);
		close(fds[i]);
	}
	close(ends[0]);
	close(ends[1]);
}

static void
test_without_descriptors(void **state)
{
	(void)state;
	items[0].kind = HANDOVER_FINISHED;
	items[1].kind = HANDOVER_TAKEN;
	assert_int_equal(handover_receive(pair[1], got, fds, &fd_count), -EAGAIN);
	assert_int_equal(handover_send(pair[0], items, 2, NULL, 0), 0);
	assert_int_equal(handover_receive(pair[1], got, fds, &fd_count), 2);
	assert_int_equal(fd_count, 0);
	close(pair[0]);
	assert_int_equal(handover_receive(pair[1], got, fds, &fd_count), 0);
}

static void
test_wrong_sends(void **state)
{
	(void)state;
	items[0].kind = HANDOVER_CLIENT;
	assert_int_equal(handover_send(pair[0], items, 0, NULL, 0), -EINVAL);
	assert_int_equal(handover_send(pair[0], items, HANDOVER_BATCH + 1, NULL, 0), -EINVAL);
	assert_int_equal(handover_send(pair[0], items, 1, NULL, 0), -EINVAL);
	assert_int_equal(handover_send(pair[0], items, 1, pair, 2), -EINVAL);
	assert_int_equal(handover_receive(pair[1], got, fds, &fd_count), -EAGAIN);
	close(pair[1]);
	assert_int_equal(handover_send(pair[0], items, 1, pair, 1), -EPIPE); /* and no signal */
	pair[1] = dup(pair[0]);
}

static void
test_worker_behind(void **state)
{
	int result = 0;
	unsigned sent = 0;

	(void)state;
	items[0].kind = HANDOVER_TAKEN;
	while (sent < 100000 && (result = handover_send(pair[0], items, 1, NULL, 0)) == 0)
		sent++;
	assert_int_equal(result, -EAGAIN);
	while (sent-- > 0)
		assert_int_equal(handover_receive(pair[1], got, fds, &fd_count), 1);
}

static void
test_wrong_lengths(void **state)
{
	static const char bytes[(HANDOVER_BATCH + 1) * sizeof(struct handover_item)];

	(void)state;
	send_raw(bytes, 1, 0, 0);
	expect_refused();
	send_raw(bytes, sizeof(items[0]) + 1, 0, 0);
	expect_refused();
	send_raw(bytes, sizeof(bytes), 0, 0); /* an item too many: it is cut, which must be seen */
	expect_refused();
	send_raw(bytes, sizeof(items[0]) - 1, 3, 1);
	expect_refused();
	send_raw(bytes, 0, 1, 1); /* no bytes, but a descriptor: not the peer's end */
	expect_refused();
	send_raw(bytes, sizeof(items[0]), 0, 0);
	assert_int_equal(handover_receive(pair[1], got, fds, &fd_count), 1); /* it goes on */
}

static void
test_wrong_descriptor_counts(void **state)
{
	(void)state;
	items[0].kind = HANDOVER_CLIENT;
	send_raw(items, sizeof(items[0]), 0, 0);
	expect_refused();
	send_raw(items, sizeof(items[0]), 2, 1);
	expect_refused();
	items[0].kind = HANDOVER_DRAIN;
	send_raw(items, sizeof(items[0]), 1, 1);
	expect_refused();
	send_raw(items, sizeof(items[0]), 253, 1); /* as many as the kernel lets through */
	expect_refused();
	items[0].kind = HANDOVER_ADOPT;
	items[0].legs = 3;
	send_raw(items, sizeof(items[0]), 1, 2); /* right in sum, in two messages */
	assert_int_equal(handover_receive(pair[1], got, fds, &fd_count), 1);
	assert_int_equal(fd_count, 2);
	close(fds[0]);
	close(fds[1]);
	fd_count = 4711;
	send_raw(items, sizeof(items[0]), 1, 3);
	expect_refused();
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_fds_of_items),
	    TEST(test_largest_packet),
	    TEST(test_without_descriptors),
	    TEST(test_wrong_sends),
	    TEST(test_worker_behind),
	    TEST(test_wrong_lengths),
	    TEST(test_wrong_descriptor_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
