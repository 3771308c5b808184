#include "daemon/policy/edit_fixup.h"

#include "daemon/policy/builtin_map.h"

#include <string.h>

#define SMTP_PORT 25

static bool
lies_within(const struct config_fixup *inner, const struct config_fixup *outer)
{
	return outer->first <= inner->first && inner->last <= outer->last;
}

static bool
fixups_equal(const struct config_fixup *one, const struct config_fixup *other)
{
	return one->first == other->first && one->last == other->last && one->on == other->on;
}

/* Behind the others, where it counts before them; those that it covers wholly are gone. false:
 * there is no room. */
static bool
put(struct config *config, const struct config_fixup *fixup)
{
	struct config_fixup kept[CONFIG_FIXUPS_MAX] = {0};
	unsigned count = 0;
	for (unsigned i = 0; i < config->fixups; i++) {
		if (!lies_within(&config->fixup[i], fixup))
			kept[count++] = config->fixup[i];
	}
	if (count == CONFIG_FIXUPS_MAX)
		return false;
	kept[count++] = *fixup;
	memcpy(config->fixup, kept, sizeof(kept));
	config->fixups = count;
	return true;
}

static bool
has_listener(const struct config *config, const struct config_fixup *fixup)
{
	for (unsigned i = 0; i < config->statics; i++) {
		uint16_t port = config->static_of[i].listen.port;
		if (fixup->first <= port && port <= fixup->last)
			return true;
	}
	return false;
}

static void
warn(struct edit *edit, const struct config_fixup *fixup)
{
	if (fixup->on)
		edit_warn(edit, "WARNING: fixup protocol smtp is harmful: %s",
		    builtin_map_find(CONFIG_FIXUP_MAP)->harm);
	else if (has_listener(edit->config, fixup))
		edit_warn_uninspected(edit);
	else
		edit_warn(edit, "no static listens there; one that will is not inspected");
}

void
edit_fixup(struct edit *edit)
{
	struct config *config = edit->config;
	struct config_fixup fixup = {SMTP_PORT, SMTP_PORT, !edit->match->negated};
	const char *ports = grammar_value(edit->match, VALUE_PORTS, 0);
	if (ports != NULL)
		value_ports(ports, &fixup.first, &fixup.last);
	const struct config_fixup *newest =
	    config->fixups > 0 ? &config->fixup[config->fixups - 1] : NULL;
	bool same = newest != NULL && fixups_equal(newest, &fixup);
	if (!same) {
		if (!put(config, &fixup)) {
			edit_refuse(edit, "at most %d fixups", CONFIG_FIXUPS_MAX);
			return;
		}
		edit_changed(edit);
	}
	warn(edit, &fixup);
}

void
edit_fixup_clear(struct edit *edit)
{
	struct config *config = edit->config;
	if (config->fixups == 0) {
		edit_warn(edit, "there is no fixup");
		return;
	}
	memset(config->fixup, 0, sizeof(config->fixup));
	config->fixups = 0;
	edit_changed(edit);
	edit_warn_uninspected(edit);
}
