/*
 * config -- the running configuration as a tree, in the Cisco language
 *
 * Owner: whoever created it (the manager; smtpguardctl for `import` and `trace`).  A change is
 * made on a clone, which is validated and compiled as a whole before it takes the place of the
 * old one: a bad change changes nothing.  config_create() gives the factory configuration:
 * policy-map global_policy / class inspection_default / inspect esmtp, and
 * service-policy global_policy global, present until changed and always printed.
 *
 * What config_print() writes can be entered again, line by line, from configuration mode, and
 * gives an equal configuration.  Heap: yes; single-threaded.
 */
#ifndef DAEMON_POLICY_CONFIG_H
#define DAEMON_POLICY_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;

struct config *config_create(void);
struct config *config_clone(const struct config *config);
void config_free(struct config *config); /* config_destroy() is libconfig's */
bool config_equal(const struct config *one, const struct config *other);

/* Receives the text line by line, without line end. */
struct config_writer {
	void (*line)(void *context, const char *text);
	void *context;
};

/* section: NULL for everything, else the first words of top-level lines ("policy-map", "static",
 * ...). all: built-in maps (_default_esmtp_map, ...) and defaults too. */
void config_print(
    const struct config *config, const char *section, bool all, const struct config_writer *writer);

#endif
