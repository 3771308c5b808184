/*
 * config_lines -- a configuration printed into a list of lines
 */
#ifndef DAEMON_MANAGER_CONFIG_LINES_H
#define DAEMON_MANAGER_CONFIG_LINES_H

#include "daemon/manager/lines.h"
#include "daemon/policy/config.h"

/* Arguments as of config_print(); appends. False: no memory or too long; some lines are missing. */
bool config_lines(struct lines *lines, const struct config *config, const char *section, bool all);

/* Of its lines, section and defaults aside. False: likewise. */
bool config_digest(const struct config *config, unsigned char digest[LINES_DIGEST_SIZE]);

#endif
