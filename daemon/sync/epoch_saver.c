#include "daemon/sync/epoch_saver.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct epoch_saver {
	int directory;
	int event;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t asked;
	/* Under the mutex. */
	bool is_wanted, is_done, is_ending;
	struct epoch wanted;
	struct epoch_saved done;
};

static void
write_one(struct epoch_saver *saver, const struct epoch *epoch)
{
	struct epoch_saved saved = {.epoch = *epoch};

	saved.error = epoch_write(saver->directory, epoch, saved.why);
	pthread_mutex_lock(&saver->mutex);
	saver->done = saved;
	saver->is_done = true;
	pthread_mutex_unlock(&saver->mutex);
	/* It can only be full of news that were not taken. */
	eventfd_write(saver->event, 1);
}

static void *
run(void *argument)
{
	struct epoch_saver *saver = argument;

	for (;;) {
		pthread_mutex_lock(&saver->mutex);
		/* One that was not taken yet is not to be written over. */
		while (!saver->is_ending && (!saver->is_wanted || saver->is_done))
			pthread_cond_wait(&saver->asked, &saver->mutex);
		bool is_ending = saver->is_ending;
		struct epoch epoch = saver->wanted;
		saver->is_wanted = false;
		pthread_mutex_unlock(&saver->mutex);
		if (is_ending)
			return NULL;
		write_one(saver, &epoch);
	}
}

/* Signals are the loop's. */
static int
start_thread(struct epoch_saver *saver)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(&saver->thread, NULL, run, saver);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

struct epoch_saver *
epoch_saver_create(int directory)
{
	struct epoch_saver *saver = calloc(1, sizeof(*saver));

	if (saver == NULL)
		return NULL;
	saver->directory = directory;
	saver->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&saver->mutex, NULL);
	pthread_cond_init(&saver->asked, NULL);
	if (saver->event >= 0 && start_thread(saver) == 0)
		return saver;
	if (saver->event >= 0)
		close(saver->event);
	free(saver);
	return NULL;
}

void
epoch_saver_destroy(struct epoch_saver *saver)
{
	if (saver == NULL)
		return;
	pthread_mutex_lock(&saver->mutex);
	saver->is_ending = true;
	pthread_cond_signal(&saver->asked);
	pthread_mutex_unlock(&saver->mutex);
	pthread_join(saver->thread, NULL);
	pthread_cond_destroy(&saver->asked);
	pthread_mutex_destroy(&saver->mutex);
	close(saver->event);
	free(saver);
}

int
epoch_saver_fd(const struct epoch_saver *saver)
{
	return saver->event;
}

void
epoch_saver_ask(struct epoch_saver *saver, const struct epoch *epoch)
{
	pthread_mutex_lock(&saver->mutex);
	saver->wanted = *epoch;
	saver->is_wanted = true;
	pthread_cond_signal(&saver->asked);
	pthread_mutex_unlock(&saver->mutex);
}

bool
epoch_saver_take(struct epoch_saver *saver, struct epoch_saved *ret_saved)
{
	eventfd_t count;

	if (eventfd_read(saver->event, &count) < 0)
		return false;
	pthread_mutex_lock(&saver->mutex);
	bool is_done = saver->is_done;
	*ret_saved = saver->done;
	saver->is_done = false;
	pthread_cond_signal(&saver->asked);
	pthread_mutex_unlock(&saver->mutex);
	return is_done;
}
