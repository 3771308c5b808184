/*
 * settings -- struct settings from the manager, checked field by field
 *
 * The manager reads the configuration file as an unprivileged user (it is not known yet which one
 * the file names: "smtpguard" if there is one, else "nobody") and writes struct settings to a
 * pipe.  What is wrong in the file the manager says itself, on standard error; only the key of a pair,
 * which root alone may read, is looked at here.
 *
 * Supervisor only.  Functions return an exit status of <sysexits.h>: 0, EX_CONFIG, EX_OSERR,
 * EX_SOFTWARE, EX_TEMPFAIL (the manager could not be started now); they have said why on standard error.
 */
#ifndef SUPERVISOR_SETTINGS_H
#define SUPERVISOR_SETTINGS_H

#include "daemon/settings.h"

#include <stdbool.h>
#include <sys/types.h>

#define SETTINGS_TIMEOUT_MS	      10000
#define SETTINGS_SESSIONS_MAX	      (1u << 20)
#define SETTINGS_MEMORY_MIN	      (16ull << 20)
#define SETTINGS_MEMORY_MAX	      (1ull << 44)
#define SETTINGS_DRAIN_MAX_MS	      (24u * 3600 * 1000)
#define SETTINGS_DEGRADE_AFTER_MAX_MS 60000u

/* NULL, or the name of the field that does not hold. */
const char *settings_check(const struct settings *settings);

int settings_read(const char *manager, const char *path, struct settings *ret_settings);
/* Whether the key of the pair can be used; path: of the configuration, for what is said. */
int settings_check_key(const char *path, const struct settings_failover *failover);
/* smtpguardd -t: reports all errors of the file. */
int settings_test(const char *manager, const char *path);
/* The same without waiting for the child, whose exit status it is that counts then. */
int settings_test_start(const char *manager, const char *path, pid_t *ret_pid, int *ret_pidfd);

#endif
