/* The file of a poisoned session: what is in it, what is not, and how many are kept. */
#include "daemon/supervisor/quarantine.h"

#include "shm/chunk.h"
#include "shm/slot.h"
#include "shm/window.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SLOT	   1
#define ORIGIN	   1000u
#define GENERATION 7

struct scene {
	struct shm shm;
	struct chunk_cache cache;
	char directory[64];
	int fd;
	uint8_t content[16384];
	size_t length;
};

static int
set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct shm_plan plan = {.slots = 4, .chunks = 16, .workers = 1};
	struct slot_custody *custody;
	struct window *window;

	assert_non_null(scene);
	*state = scene;
	snprintf(scene->directory, sizeof(scene->directory), "/tmp/smtpguard-quarantine-XXXXXX");
	assert_non_null(mkdtemp(scene->directory));
	scene->fd = open(scene->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(shm_create(&scene->shm, &plan), 0);
	custody = shm_custody(&scene->shm, SLOT);
	custody->session_id = 0xabcdef0123456789;
	custody->mark_direction = SHM_CLIENT;
	atomic_store(&custody->generation, GENERATION);
	chunk_cache_init(&scene->cache, 1);
	window = &shm_session(&scene->shm, SLOT)->input[SHM_CLIENT];
	window_rebase(window, ORIGIN);
	assert_int_equal(window_append(window, &scene->shm, &scene->cache, SLOT), 0);
	for (unsigned i = 0; i < 10000; i++) {
		uint8_t byte = (uint8_t)(i % 251);

		assert_true(window_write(window, &scene->shm, ORIGIN + i, &byte, 1));
	}
	return 0;
}

static int
remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status;
	(void)type;
	(void)place;
	return remove(path);
}

static int
tear_down(void **state)
{
	struct scene *scene = *state;

	close(scene->fd);
	shm_detach(&scene->shm);
	assert_int_equal(nftw(scene->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(scene);
	return 0;
}

static struct quarantine_header
write_and_read(struct scene *scene, uint64_t position, uint64_t input_end)
{
	struct quarantine_header header;
	char name[QUARANTINE_NAME_SIZE];
	struct stat status;
	ssize_t length;
	int fd;

	shm_custody(&scene->shm, SLOT)->mark_position = position;
	assert_true(
	    quarantine_write(&scene->shm, scene->fd, SLOT, input_end, name, sizeof(name)) > 0);
	assert_string_equal(name, "abcdef0123456789.bin");
	fd = openat(scene->fd, name, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	length = read(fd, scene->content, sizeof(scene->content));
	close(fd);
	assert_true(length >= (ssize_t)sizeof(header));
	memcpy(&header, scene->content, sizeof(header));
	assert_int_equal(header.magic, QUARANTINE_MAGIC);
	assert_int_equal(header.session_id, 0xabcdef0123456789);
	assert_int_equal(
	    length, sizeof(header) + header.custody_size + header.record_size + header.input_size);
	scene->length = (size_t)length;
	return header;
}

static void
check_input(const struct scene *scene, const struct quarantine_header *header)
{
	const uint8_t *input = scene->content + scene->length - header->input_size;

	for (uint32_t i = 0; i < header->input_size; i++)
		assert_int_equal(input[i], (header->position - ORIGIN + i) % 251);
}

static void
test_input_is_that_of_the_step(void **state)
{
	static const struct {
		uint64_t position, end, first;
		uint32_t length;
	} cases[] = {
	    {ORIGIN, ORIGIN + 10000, ORIGIN, QUARANTINE_INPUT},
	    {ORIGIN + 3000, ORIGIN + 10000, ORIGIN + 3000, QUARANTINE_INPUT},
	    {ORIGIN + 9999, ORIGIN + 10000, ORIGIN + 10000 - QUARANTINE_INPUT, QUARANTINE_INPUT},
	    {ORIGIN + 50, ORIGIN + 100, ORIGIN, 100},
	    /* Never beyond what was received: there lie others' old bytes. */
	    {ORIGIN + 100, ORIGIN + 100, ORIGIN, 100},
	    {ORIGIN + 101, ORIGIN + 100, ORIGIN + 101, 0},
	    {ORIGIN - 1, ORIGIN + 100, ORIGIN - 1, 0},
	    {UINT64_MAX, ORIGIN + 100, UINT64_MAX, 0},
	};
	struct scene *scene = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct quarantine_header header =
		    write_and_read(scene, cases[i].position, cases[i].end);

		assert_int_equal(header.input_size, cases[i].length);
		assert_int_equal(header.position, cases[i].first);
		check_input(scene, &header);
	}
}

static void
test_secrets_are_not_kept(void **state)
{
	struct scene *scene = *state;
	struct slot_session *session = shm_session(&scene->shm, SLOT);
	struct record *record = record_begin(session, GENERATION);
	struct quarantine_header header;

	atomic_store(&session->generation, GENERATION);
	record->flags = RECORD_SECRET;
	record_publish(session, record);
	header = write_and_read(scene, ORIGIN, ORIGIN + 1000);
	assert_int_equal(header.input_size, 0);
}

/* The record is of before the fatal step: it may not know of the AUTH that the step met. */
static void
test_auth_of_the_step_is_hidden(void **state)
{
	static const char sent[] = "EHLO a\r\nauth PLAIN AGZvbwBi+/8=\r\nYmFy\377\r\n";
	static const char kept[] = "EHLO a\r\nxxxx xxxxx xxxxxxxxxxxx\r\nxxxx\377\r\n";
	struct scene *scene = *state;
	struct slot_session *session = shm_session(&scene->shm, SLOT);
	struct quarantine_header header;

	assert_true(
	    window_write(&session->input[SHM_CLIENT], &scene->shm, ORIGIN, sent, sizeof(sent) - 1));
	header = write_and_read(scene, ORIGIN, ORIGIN + sizeof(sent) - 1);
	assert_int_equal(header.input_size, sizeof(sent) - 1);
	assert_memory_equal(
	    scene->content + scene->length - header.input_size, kept, header.input_size);
	/* Cut at every byte, also within the word. */
	for (size_t length = 1; length < sizeof(sent); length++) {
		header = write_and_read(scene, ORIGIN, ORIGIN + length);
		if (length >= 12)
			assert_memory_equal(scene->content + scene->length - header.input_size,
			    kept, header.input_size);
	}
}

static void
test_a_hostile_window_gives_nothing(void **state)
{
	struct scene *scene = *state;
	struct window *window = &shm_session(&scene->shm, SLOT)->input[SHM_CLIENT];

	atomic_store(&window->chunk[0], UINT32_MAX - 1);
	assert_int_equal(write_and_read(scene, ORIGIN, ORIGIN + 1000).input_size, 0);
	atomic_store(&window->chunk[0], 3); /* not this slot's */
	assert_int_equal(write_and_read(scene, ORIGIN, ORIGIN + 1000).input_size, 0);
	atomic_store(&window->last, UINT32_MAX);
	assert_int_equal(write_and_read(scene, ORIGIN, ORIGIN + 1000).input_size, 0);
}

static void
test_the_newest_stay(void **state)
{
	struct scene *scene = *state;
	struct slot_custody *custody = shm_custody(&scene->shm, SLOT);
	char name[QUARANTINE_NAME_SIZE], last[QUARANTINE_NAME_SIZE] = "";
	unsigned count = 0;
	struct dirent *entry;
	DIR *stream;

	for (unsigned i = 1; i <= QUARANTINE_KEPT + 10; i++) {
		struct timespec times[2] = {{.tv_sec = i}, {.tv_sec = i}};

		custody->session_id = i;
		assert_true(
		    quarantine_write(&scene->shm, scene->fd, SLOT, 0, name, sizeof(name)) > 0);
		/* The clock is too coarse for the order of so many. */
		assert_int_equal(utimensat(scene->fd, name, times, 0), 0);
		memcpy(last, name, sizeof(last));
	}
	stream = opendir(scene->directory);
	assert_non_null(stream);
	while ((entry = readdir(stream)))
		count += entry->d_name[0] != '.';
	closedir(stream);
	assert_int_equal(count, QUARANTINE_KEPT);
	assert_int_equal(faccessat(scene->fd, last, F_OK, 0), 0);
	assert_int_equal(faccessat(scene->fd, "0000000000000001.bin", F_OK, 0), -1);
	assert_int_equal(faccessat(scene->fd, "000000000000000b.bin", F_OK, 0), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
	    TEST(test_input_is_that_of_the_step),
	    TEST(test_secrets_are_not_kept),
	    TEST(test_auth_of_the_step_is_hidden),
	    TEST(test_a_hostile_window_gives_nothing),
	    TEST(test_the_newest_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
