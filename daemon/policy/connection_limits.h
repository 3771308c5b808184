/*
 * connection_limits -- `set connection` of a class: what was entered, and what that makes
 *
 * A limit that was entered as 0 is none, but says so: no later class is asked for it.
 */
#ifndef DAEMON_POLICY_CONNECTION_LIMITS_H
#define DAEMON_POLICY_CONNECTION_LIMITS_H

#include "shm/policy_area.h"

#include <stdbool.h>
#include <stddef.h>

#define CONNECTION_LIMITS_TEXT 160

struct connection_limits {
	unsigned entered; /* bit per limit */
	struct class_limits most;
};

/* keyword: one of connection_limits.def. */
void connection_limits_enter(
    struct connection_limits *limits, const char *keyword, uint32_t number);
void connection_limits_forget(struct connection_limits *limits, const char *keyword);
/* false: it was not entered. */
bool connection_limits_entered(
    const struct connection_limits *limits, const char *keyword, uint32_t *ret_number);
bool connection_limits_equal(
    const struct connection_limits *one, const struct connection_limits *other);
/* "conn-max 50 per-client-max 5"; "" when none was entered. */
void connection_limits_text(
    const struct connection_limits *limits, char text[CONNECTION_LIMITS_TEXT]);

#endif
