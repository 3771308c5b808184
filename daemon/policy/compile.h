/*
 * compile -- from a configuration to what supervisor and workers read
 *
 * Checks the configuration whole and gives one image per map in use (worker/inspect/policy.h) and
 * the listener table with its class rules (shm/policy_area.h), in which policy_slot is an index into
 * `image` until the manager has placed the images.  Statics whose classes ask the same share the
 * rules.  A generation is the SHA-256 of the map's canonical text, the
 * host name included.
 */
#ifndef DAEMON_POLICY_COMPILE_H
#define DAEMON_POLICY_COMPILE_H

#include "daemon/policy/config.h"
#include "shm/policy_area.h"
#include "worker/inspect/policy.h"

#define COMPILE_IMAGES_MAX 21u /* every map of a configuration, the built-in ones, and none */
#define COMPILE_ERRORS_MAX 32u

struct compiled_image {
	char name[64]; /* of the map; "" for relay and raw */
	uint8_t generation[POLICY_HASH_SIZE];
	uint32_t size;
	_Alignas(8) uint8_t bytes[POLICY_IMAGE_MAX];
};

struct compiled {
	unsigned images;
	struct compiled_image image[COMPILE_IMAGES_MAX];
	struct listener_table listeners;
	unsigned errors;
	char error[COMPILE_ERRORS_MAX][192];
};

/* false: errors > 0 and nothing of the rest may be used. */
bool config_compile(const struct config *config, struct compiled *ret_compiled);

/* One map alone; name "" is for relay and raw.  False: it gives no policy. */
bool config_compile_map(
    const struct config *config, const char *name, struct compiled_image *ret_image);
/* Lines which, entered upon a factory configuration, give that map its image again, with the same
 * generation. */
void config_print_map(
    const struct config *config, const char *name, const struct config_writer *writer);

#endif
