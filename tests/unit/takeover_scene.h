/*
 * takeover_scene -- sessions as sync holds those of the other host, for the tests of a takeover
 *
 * Slots, records and windows in memory of their own; the peers are real ones (loopback.h).
 */
#ifndef TESTS_UNIT_TAKEOVER_SCENE_H
#define TESTS_UNIT_TAKEOVER_SCENE_H

#include "daemon/supervisor/takeover_session.h"
#include "loopback.h"
#include "shm/chunk.h"
#include "shm/region.h"

#define SCENE_SLOTS	 8u
#define SCENE_GENERATION 3u

struct scene {
	struct shm shm;
	struct chunk_cache cache;
	struct takeover_source source;
};

/* Of a test; *state is the scene. */
int scene_set_up(void **state);
int scene_tear_down(void **state);
struct slot_leg *scene_leg(const struct scene *scene, uint32_t slot, enum shm_leg leg);
void scene_set_state(
    const struct scene *scene, uint32_t slot, enum shm_leg leg, enum leg_state state);
void scene_describe(
    const struct scene *scene, uint32_t slot, enum shm_leg leg, const struct loopback *link);
struct record *scene_begin_record(const struct scene *scene, uint32_t slot);
void scene_publish(const struct scene *scene, uint32_t slot, struct record *record);
void scene_publish_nothing(const struct scene *scene, uint32_t slot);
void scene_lose(struct loopback *link);
void scene_end_session(struct takeover_session *session);

#endif
