#include "daemon/policy/compile.h"

#include "daemon/policy/builtin_map.h"
#include "daemon/policy/map.h"
#include "daemon/policy/print.h"
#include "shm/slot.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void __attribute__((format(printf, 2, 3)))
add_error(struct compiled *compiled, const char *format, ...)
{
	if (compiled->errors == COMPILE_ERRORS_MAX)
		return;
	char *error = compiled->error[compiled->errors++];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(error, sizeof(compiled->error[0]), format, arguments);
	va_end(arguments);
}

static void
hash_line(void *context, const char *text)
{
	EVP_DigestUpdate(context, text, strlen(text));
	EVP_DigestUpdate(context, "\n", 1);
}

/* What the canonical text of a map says is all that its image depends on. */
static bool
hash_map(const struct config *config, const struct compiled_image *image,
    uint8_t generation[POLICY_HASH_SIZE])
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	if (digest == NULL)
		return false;
	bool good = EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1;
	if (good) {
		char line[CONFIG_HOSTNAME_MAX + 16];
		struct config_writer writer = {hash_line, digest};
		snprintf(line, sizeof(line), "hostname %s", config->hostname);
		hash_line(digest, line);
		if (image->name[0] != '\0')
			print_map_whole(config, image->name, &writer);
		else
			hash_line(digest, "no inspect esmtp");
		good = EVP_DigestFinal_ex(digest, generation, NULL) == 1;
	}
	EVP_MD_CTX_free(digest);
	return good;
}

static void
build_image(const struct config *config, struct compiled *compiled, struct compiled_image *image)
{
	struct inspect_policy policy;
	map_policy(config, image->name, &policy);
	_Static_assert(sizeof(policy) <= sizeof(image->bytes), "a policy has room in its image");
	memcpy(image->bytes, &policy, sizeof(policy));
	image->size = sizeof(policy);
	const char *shown = image->name[0] != '\0' ? image->name : "no inspect esmtp";
	if (!inspect_policy_check(image->bytes, image->size))
		add_error(compiled, "policy-map type inspect esmtp %s: not a policy", shown);
	else if (!hash_map(config, image, image->generation))
		add_error(compiled, "policy-map type inspect esmtp %s: cannot be hashed", shown);
}

/* The image of that map, made if there is none yet; name "" is for relayed sessions. */
static uint32_t
image_for(const struct config *config, struct compiled *compiled, const char *name)
{
	for (unsigned i = 0; i < compiled->images; i++) {
		if (strcmp(compiled->image[i].name, name) == 0)
			return i;
	}
	if (compiled->images == COMPILE_IMAGES_MAX) {
		add_error(compiled, "%s: more than %u policy-maps in use at once", name,
		    COMPILE_IMAGES_MAX);
		return 0;
	}
	struct compiled_image *image = &compiled->image[compiled->images];
	snprintf(image->name, sizeof(image->name), "%s", name);
	build_image(config, compiled, image);
	return compiled->images++;
}

static void
add_listener(
    const struct config *config, struct compiled *compiled, const struct config_static *rule)
{
	static const uint8_t modes[] = {
	    [CONFIG_RELAY] = SLOT_RELAY, [CONFIG_RAW] = SLOT_RAW, [CONFIG_INSPECT] = SLOT_INSPECT};
	const struct config_class *class = tree_class_for(config, rule);
	enum config_treatment treatment = class != NULL ? class->treatment : CONFIG_RELAY;
	const char *map = "";
	if (treatment == CONFIG_INSPECT)
		map = class->map[0] != '\0' ? class->map : CONFIG_DEFAULT_MAP;
	struct listener_entry *entry = &compiled->listeners.entry[compiled->listeners.count++];
	entry->listen = rule->listen;
	entry->server = rule->server;
	entry->source = rule->source;
	entry->mode = modes[treatment];
	entry->client_address = CLIENT_HIDDEN;
	entry->connections_max = rule->connections_max;
	entry->embryonic_max = rule->embryonic_max;
	entry->policy_slot = image_for(config, compiled, map);
}

static void
check_references(const struct config *config, struct compiled *compiled)
{
	struct config *readable = (struct config *)config;
	for (unsigned i = 0; i < config->services; i++) {
		if (tree_find_policy(readable, config->service[i].policy) == NULL)
			add_error(compiled, "service-policy %s: there is no such policy-map",
			    config->service[i].policy);
	}
	for (unsigned i = 0; i < config->policies; i++) {
		const struct config_policy *policy = &config->policy[i];
		for (unsigned j = 0; j < policy->classes; j++) {
			const char *map = policy->class_of[j].map;
			if (map[0] != '\0' && builtin_map_find(map) == NULL &&
			    tree_find_map(readable, map) == NULL)
				add_error(compiled,
				    "policy-map %s: there is no policy-map type inspect esmtp %s",
				    policy->name, map);
		}
	}
}

bool
config_compile(const struct config *config, struct compiled *ret_compiled)
{
	memset(ret_compiled, 0, sizeof(*ret_compiled));
	check_references(config, ret_compiled);
	for (unsigned i = 0; i < config->statics; i++)
		add_listener(config, ret_compiled, &config->static_of[i]);
	return ret_compiled->errors == 0;
}
