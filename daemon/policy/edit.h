/*
 * edit -- what every command that changes the configuration works with
 *
 * A command reads its match, changes config and place, and says in the outcome what it did.  It
 * either does all of it or refuses and does nothing.  A `no` form of something that is not there
 * is done with a warning, so that a configuration can be entered twice.
 */
#ifndef DAEMON_POLICY_EDIT_H
#define DAEMON_POLICY_EDIT_H

#include "daemon/policy/grammar.h"
#include "daemon/policy/tree.h"

struct edit {
	struct cli_place *place;
	struct config *config;
	const struct grammar_match *match;
	struct cli_outcome *outcome;
};

/* CLI_REFUSED with a reason. */
void edit_refuse(struct edit *edit, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Done, but the operator should know. */
void edit_warn(struct edit *edit, const char *format, ...) __attribute__((format(printf, 2, 3)));
void edit_changed(struct edit *edit);
/* For each static that is relayed: one warning that names the first. */
void edit_warn_uninspected(struct edit *edit);
/* If a policy exempts the class: one warning. */
void edit_warn_exempt(struct edit *edit, const char *class_map);
/* Sets a description, or clears it in the `no` form. */
void edit_description(struct edit *edit, char *description);

/* What the place is about; refuses and gives NULL if it is gone. */
struct config_map *edit_current_map(struct edit *edit);
struct config_policy *edit_current_policy(struct edit *edit);
struct config_class *edit_current_class(struct edit *edit);

#endif
