/*
 * builtin_map -- the ESMTP maps that are always there and cannot be changed
 *
 * `_default_esmtp_map` is what inspect_policy_default() gives.  The compatibility maps show what
 * the old systems did (worker/inspect/compat.h); each says why it is harmful.
 */
#ifndef DAEMON_POLICY_BUILTIN_MAP_H
#define DAEMON_POLICY_BUILTIN_MAP_H

#include "worker/inspect/policy.h"

#include <stdbool.h>

struct builtin_map {
	const char *name;
	const char *description;
	enum inspect_compat compat;
	const char *harm;	       /* why it is harmful; NULL: it is not */
	const char *const *parameters; /* lines as they are printed; NULL: the default's own */
};

/* NULL: no built-in map has that name. */
const struct builtin_map *builtin_map_find(const char *name);
/* The index-th one, NULL behind the last; the first is the default map. */
const struct builtin_map *builtin_map_at(unsigned index);

#endif
