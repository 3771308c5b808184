#include "takeover_scene.h"

#include "daemon/supervisor/leg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

int
scene_set_up(void **state)
{
	const struct shm_plan plan = {.slots = SCENE_SLOTS, .chunks = 32, .workers = 1};
	struct scene *scene = calloc(1, sizeof(*scene));

	assert_non_null(scene);
	*state = scene;
	assert_int_equal(shm_create(&scene->shm, &plan), 0);
	chunk_cache_init(&scene->cache, 1);
	scene->source = (struct takeover_source){.shm = &scene->shm, .gateway_ms = 3000};
	return 0;
}

int
scene_tear_down(void **state)
{
	struct scene *scene = *state;

	shm_detach(&scene->shm);
	free(scene);
	return 0;
}

struct slot_leg *
scene_leg(const struct scene *scene, uint32_t slot, enum shm_leg leg)
{
	return &shm_custody(&scene->shm, slot)->leg[leg];
}

void
scene_set_state(const struct scene *scene, uint32_t slot, enum shm_leg leg, enum leg_state state)
{
	atomic_store(&scene_leg(scene, slot, leg)->state, state);
}

/* Dumped as at its opening. */
void
scene_describe(
    const struct scene *scene, uint32_t slot, enum shm_leg leg, const struct loopback *link)
{
	struct slot_leg *public = scene_leg(scene, slot, leg);

	public->local = link->local;
	public->peer = link->remote;
	assert_int_equal(leg_dump(link->ours, public, leg == SHM_SERVER, 1000), 0);
	scene_set_state(scene, slot, leg, LEG_OPEN);
}

struct record *
scene_begin_record(const struct scene *scene, uint32_t slot)
{
	struct slot_session *shared = shm_session(&scene->shm, slot);

	atomic_store(&shm_custody(&scene->shm, slot)->generation, SCENE_GENERATION);
	atomic_store(&shared->generation, SCENE_GENERATION);
	/* The first one: nothing of an earlier one is in it. */
	atomic_store(&shared->published, 0);
	return record_begin(shared, SCENE_GENERATION);
}

void
scene_publish(const struct scene *scene, uint32_t slot, struct record *record)
{
	record_publish(shm_session(&scene->shm, slot), record);
}

void
scene_publish_nothing(const struct scene *scene, uint32_t slot)
{
	scene_publish(scene, slot, scene_begin_record(scene, slot));
}

/* Without a packet, and nothing of it stays. */
void
scene_lose(struct loopback *link)
{
	assert_int_equal(leg_end(link->ours, true), 0);
	close(link->ours);
	link->ours = -1;
}

void
scene_end_session(struct takeover_session *session)
{
	for (int i = 0; i < SHM_LEGS; i++)
		takeover_leg_end(&session->leg[i]);
}
