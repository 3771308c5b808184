#include "daemon/policy/edit_esmtp.h"

#include "daemon/policy/edit_mode.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static void
enter_map(struct edit *edit, const char *name)
{
	struct cli_place *place = edit->place;
	edit_mode_go(place, CLI_POLICY_MAP);
	place->esmtp = true;
	snprintf(place->map, sizeof(place->map), "%s", name);
}

/* The policy that uses the map, or NULL. */
static const struct config_policy *
user_of(const struct config *config, const char *map)
{
	for (unsigned i = 0; i < config->policies; i++) {
		const struct config_policy *policy = &config->policy[i];
		for (unsigned j = 0; j < policy->classes; j++) {
			if (policy->class_of[j].treatment == CONFIG_INSPECT &&
			    strcmp(policy->class_of[j].map, map) == 0)
				return policy;
		}
	}
	return NULL;
}

static void
remove_map(struct edit *edit, const char *name)
{
	struct config *config = edit->config;
	struct config_map *map = tree_find_map(config, name);
	if (map == NULL) {
		edit_warn(edit, "there is no policy-map type inspect esmtp %s", name);
		return;
	}
	const struct config_policy *user = user_of(config, name);
	if (user != NULL) {
		edit_refuse(
		    edit, "%s is in use by policy-map %s; remove it there first", name, user->name);
		return;
	}
	tree_remove(config->map, &config->maps, sizeof(*map), (unsigned)(map - config->map));
	edit_changed(edit);
}

void
edit_esmtp_map(struct edit *edit)
{
	struct config *config = edit->config;
	const char *name = grammar_value(edit->match, VALUE_NAME, 0);
	if (name[0] == '_') {
		edit_refuse(edit, "%s: names that begin with _ are built in", name);
		return;
	}
	if (edit->match->negated) {
		remove_map(edit, name);
		return;
	}
	if (tree_find_map(config, name) == NULL) {
		if (strcmp(name, "raw") == 0) {
			edit_refuse(edit, "raw is not a name: see `no inspect esmtp raw`");
			return;
		}
		if (config->maps == CONFIG_MAPS_MAX) {
			edit_refuse(
			    edit, "at most %d policy-maps of type inspect esmtp", CONFIG_MAPS_MAX);
			return;
		}
		struct config_map *map =
		    tree_insert(config->map, &config->maps, sizeof(*map), config->maps);
		memcpy(map->name, name, strlen(name));
		edit_changed(edit);
	}
	enter_map(edit, name);
}

void
edit_esmtp_description(struct edit *edit)
{
	struct config_map *map = edit_current_map(edit);
	if (map != NULL)
		edit_description(edit, map->description);
}

void
edit_nothing(struct edit *edit)
{
	(void)edit;
}

void
edit_parameters(struct edit *edit)
{
	if (edit_current_map(edit) != NULL)
		edit->place->mode = CLI_PARAMETERS;
}

/* Puts a changed copy in the map's place, if the core would take it. */
static void
replace(struct edit *edit, struct config_map *map, const struct parameters *parameters)
{
	if (parameters_equal(&map->parameters, parameters))
		return;
	struct inspect_policy policy;
	inspect_policy_default(&policy, edit->config->hostname, strlen(edit->config->hostname));
	parameters_apply(parameters, &policy);
	if (!inspect_policy_check(&policy, sizeof(policy))) {
		edit_refuse(edit, "no policy may permit that: it cannot be inspected");
		return;
	}
	map->parameters = *parameters;
	edit_changed(edit);
}

static bool
check_banner(struct edit *edit, const char *text)
{
	if (strlen(text) >= INSPECT_BANNER_MAX) {
		edit_refuse(edit, "mask-banner: at most %d bytes", INSPECT_BANNER_MAX - 1);
		return false;
	}
	/* RFC 5321 4.2: the text of a reply is printable ASCII. */
	for (const char *c = text; *c != '\0'; c++) {
		if (*c < ' ' || *c > '~') {
			edit_refuse(edit, "mask-banner: only printable ASCII");
			return false;
		}
	}
	return true;
}

void
edit_banner(struct edit *edit)
{
	struct config_map *map = edit_current_map(edit);
	if (map == NULL)
		return;
	struct parameters parameters = map->parameters;
	const char *text = grammar_value(edit->match, VALUE_TEXT, 0);
	enum inspect_banner banner = edit->match->negated		   ? INSPECT_BANNER_SERVER
				     : text != NULL			   ? INSPECT_BANNER_TEXT
				     : grammar_has(edit->match, "classic") ? INSPECT_BANNER_CLASSIC
									   : INSPECT_BANNER_NEUTRAL;
	memset(parameters.banner, 0, sizeof(parameters.banner));
	if (banner == INSPECT_BANNER_TEXT) {
		if (!check_banner(edit, text))
			return;
		memcpy(parameters.banner, text, strlen(text));
	}
	parameters_enter(&parameters, PARAMETER_MASK_BANNER, banner);
	replace(edit, map, &parameters);
}

void
edit_allow_tls(struct edit *edit)
{
	struct config_map *map = edit_current_map(edit);
	if (map == NULL)
		return;
	struct parameters parameters = map->parameters;
	enum parameter_tls tls = edit->match->negated		   ? TLS_REFUSED
				 : grammar_has(edit->match, "log") ? TLS_LOGGED
								   : TLS_ALLOWED;
	parameters_enter(&parameters, PARAMETER_ALLOW_TLS, tls);
	replace(edit, map, &parameters);
}

void
edit_greeting_delay(struct edit *edit)
{
	struct config_map *map = edit_current_map(edit);
	if (map == NULL)
		return;
	struct parameters parameters = map->parameters;
	if (edit->match->negated) {
		parameters_forget(&parameters, PARAMETER_GREETING_DELAY);
	} else {
		uint32_t ms = value_number(grammar_value(edit->match, VALUE_NUMBER, 0));
		parameters_enter(&parameters, PARAMETER_GREETING_DELAY,
		    PARAMETER_DELAY(ms, grammar_has(edit->match, "log")));
	}
	replace(edit, map, &parameters);
}

/* The value that the line gives; for a choice the index of its word. */
static uint32_t
value_of(const struct grammar_match *match, enum parameter parameter)
{
	char word[32];
	switch (parameters_kind(parameter)) {
	case PARAMETER_NUMBER:
		return value_number(grammar_value(match, VALUE_NUMBER, 0));
	case PARAMETER_CHOICE:
		snprintf(word, sizeof(word), "%.*s", match->token[1].length, match->token[1].text);
		return parameters_choice(parameter, word);
	case PARAMETER_FLAG:
	case PARAMETER_SPECIAL:
		break;
	}
	return 1;
}

void
edit_parameter(struct edit *edit)
{
	struct config_map *map = edit_current_map(edit);
	if (map == NULL)
		return;
	char keyword[32];
	const struct pattern_token *token = &edit->match->token[0];
	snprintf(keyword, sizeof(keyword), "%.*s", token->length, token->text);
	enum parameter parameter = parameters_find(keyword);
	struct parameters parameters = map->parameters;
	if (edit->match->negated)
		parameters_forget(&parameters, parameter);
	else
		parameters_enter(&parameters, parameter, value_of(edit->match, parameter));
	replace(edit, map, &parameters);
}

static uint64_t
bits_of(const struct grammar_match *match, enum value_type type,
    unsigned (*find)(const char *name, size_t length))
{
	uint64_t bits = 0;
	const char *word;
	for (unsigned i = 0; (word = grammar_value(match, type, i)) != NULL; i++)
		bits |= 1ull << find(word, strlen(word));
	return bits;
}

/* Without these no mail passes (RFC 5321 4.5.1); STARTTLS has a parameter of its own. */
static bool
may_be_taken(struct edit *edit)
{
	static const char *const kept[] = {
	    "EHLO", "HELO", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT"};
	uint64_t bits = bits_of(edit->match, VALUE_VERB, inspect_verb_find);
	for (unsigned i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (bits >> inspect_verb_find(kept[i], strlen(kept[i])) & 1) {
			edit_refuse(
			    edit, "%s is part of every SMTP session (RFC 5321 4.5.1)", kept[i]);
			return false;
		}
	}
	return true;
}

static bool
is_tls_word(struct edit *edit, enum value_type type)
{
	const char *word;
	for (unsigned i = 0; (word = grammar_value(edit->match, type, i)) != NULL; i++) {
		if (strcasecmp(word, "STARTTLS") == 0) {
			edit_refuse(edit, "STARTTLS: see allow-tls");
			return true;
		}
	}
	return false;
}

void
edit_allow_verb(struct edit *edit)
{
	struct config_map *map = edit_current_map(edit);
	if (map == NULL || is_tls_word(edit, VALUE_VERB))
		return;
	if (edit->match->negated && !may_be_taken(edit))
		return;
	struct inspect_policy normal;
	inspect_policy_default(&normal, "", 0);
	struct parameters parameters = map->parameters;
	uint64_t bits = bits_of(edit->match, VALUE_VERB, inspect_verb_find);
	if (edit->match->negated)
		parameters_take(&parameters.verbs, normal.verbs, bits);
	else
		parameters_add(&parameters.verbs, normal.verbs, bits);
	replace(edit, map, &parameters);
}

void
edit_allow_extension(struct edit *edit)
{
	struct config_map *map = edit_current_map(edit);
	if (map == NULL || is_tls_word(edit, VALUE_EXTENSION))
		return;
	struct inspect_policy normal;
	inspect_policy_default(&normal, "", 0);
	struct parameters parameters = map->parameters;
	uint64_t bits = bits_of(edit->match, VALUE_EXTENSION, inspect_extension_find);
	if (edit->match->negated)
		parameters_take(&parameters.extensions, normal.extensions, bits);
	else
		parameters_add(&parameters.extensions, normal.extensions, bits);
	replace(edit, map, &parameters);
}
