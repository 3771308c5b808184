#include "daemon/policy/edit_access_list.h"

#include <stdio.h>
#include <string.h>

/* The class-map that matches the list, or NULL. */
static const struct config_class_map *
user_of(const struct config *config, const char *list)
{
	for (unsigned i = 0; i < config->class_maps; i++) {
		const struct config_class_map *map = &config->class_map[i];
		if (map->match == CONFIG_MATCH_ACCESS_LIST && strcmp(map->list, list) == 0)
			return map;
	}
	return NULL;
}

/* A permission that has come, or a denial that has gone, may exempt more than before. */
static void
warn_exempt(struct edit *edit, const struct config_access_line *line)
{
	const struct config *config = edit->config;
	if (line->remark[0] != '\0' || line->entry.permit == edit->match->negated)
		return;
	for (unsigned i = 0; i < config->class_maps; i++) {
		const struct config_class_map *map = &config->class_map[i];
		if (map->match == CONFIG_MATCH_ACCESS_LIST && strcmp(map->list, line->list) == 0)
			edit_warn_exempt(edit, map->name);
	}
}

/* How many lines the list has; *ret_first: where they begin, or would. */
static unsigned
find_lines(const struct config *config, const char *list, unsigned *ret_first)
{
	unsigned first = 0, count = 0;
	while (first < config->access_lines && strcmp(config->access_line[first].list, list) != 0)
		first++;
	while (first + count < config->access_lines &&
	       strcmp(config->access_line[first + count].list, list) == 0)
		count++;
	*ret_first = first;
	return count;
}

static bool
lines_equal(const struct config_access_line *one, const struct config_access_line *other)
{
	return strcmp(one->remark, other->remark) == 0 &&
	       access_entry_equal(&one->entry, &other->entry);
}

static void
remove_lines(struct edit *edit, unsigned first, unsigned count)
{
	struct config *config = edit->config;
	for (unsigned i = 0; i < count; i++)
		tree_remove(config->access_line, &config->access_lines,
		    sizeof(config->access_line[0]), first);
	edit_changed(edit);
}

static bool
may_be_gone(struct edit *edit, const char *list)
{
	const struct config_class_map *user = user_of(edit->config, list);
	if (user != NULL)
		edit_refuse(edit, "access-list %s is in use by class-map %s; remove it there first",
		    list, user->name);
	return user == NULL;
}

static void
remove_list(struct edit *edit, const char *list)
{
	unsigned first, count = find_lines(edit->config, list, &first);
	if (count == 0)
		edit_warn(edit, "there is no access-list %s", list);
	else if (may_be_gone(edit, list))
		remove_lines(edit, first, count);
}

static void
remove_line(struct edit *edit, const struct config_access_line *line)
{
	unsigned first, count = find_lines(edit->config, line->list, &first);
	unsigned at = 0;
	while (at < count && !lines_equal(&edit->config->access_line[first + at], line))
		at++;
	if (at == count) {
		edit_warn(edit, "access-list %s has no such line", line->list);
	} else if (count > 1 || may_be_gone(edit, line->list)) {
		remove_lines(edit, first + at, 1);
		warn_exempt(edit, line);
	}
}

static void
add_line(struct edit *edit, const struct config_access_line *line)
{
	struct config *config = edit->config;
	unsigned first, count = find_lines(config, line->list, &first);
	for (unsigned i = 0; i < count; i++) {
		if (lines_equal(&config->access_line[first + i], line))
			return;
	}
	if (config->access_lines == CONFIG_ACCESS_LINES_MAX) {
		edit_refuse(edit, "at most %d lines in all access-lists", CONFIG_ACCESS_LINES_MAX);
		return;
	}
	struct config_access_line *new =
	    tree_insert(config->access_line, &config->access_lines, sizeof(*line), first + count);
	*new = *line;
	edit_changed(edit);
	warn_exempt(edit, line);
}

static void
take_line(struct edit *edit, const struct config_access_line *line)
{
	if (edit->match->negated)
		remove_line(edit, line);
	else
		add_line(edit, line);
}

/* The word at *at, and on to the next. */
static const char *
next_word(const struct grammar_match *match, unsigned *at, enum value_type *ret_type)
{
	*ret_type = (enum value_type)match->token[*at].type;
	return match->word[(*at)++].text;
}

static bool
take_around(
    struct edit *edit, const char *text, unsigned prefix, struct access_network *ret_network)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct shm_endpoint endpoint;
	value_address(text, &endpoint);
	*ret_network = access_network_around(&endpoint, prefix);
	if (memcmp(ret_network->address, endpoint.address, sizeof(ret_network->address)) != 0) {
		edit_refuse(edit, "%s has bits that its mask does not count", text);
		return false;
	}
	/* RFC 4291 2.5.5.2 */
	if (ret_network->family == 6 && memcmp(ret_network->address, mapped, sizeof(mapped)) == 0) {
		edit_refuse(edit, "%s is an IPv4 address: write it as A.B.C.D", text);
		return false;
	}
	return true;
}

static bool
take_host(struct edit *edit, const char *text, struct access_network *ret_network)
{
	struct shm_endpoint endpoint;
	value_address(text, &endpoint);
	return take_around(edit, text, endpoint.family == 6 ? 128 : 32, ret_network);
}

static bool
take_masked(
    struct edit *edit, const char *text, const char *mask, struct access_network *ret_network)
{
	struct shm_endpoint address, netmask;
	value_address(text, &address);
	value_address(mask, &netmask);
	int bits = access_netmask_bits(&netmask);
	if (address.family != 4 || bits < 0) {
		edit_refuse(edit, "%s %s: %s", text, mask,
		    address.family != 4 ? "an IPv6 network is written X:X::/PREFIX"
					: "the mask is not one such as 255.255.255.0");
		return false;
	}
	return take_around(edit, text, (unsigned)bits, ret_network);
}

static bool
take_prefixed(struct edit *edit, const char *text, struct access_network *ret_network)
{
	char address[VALUE_ADDRESS_TEXT];
	unsigned prefix = value_prefix(text, address);
	return take_around(edit, address, prefix, ret_network);
}

/* any | any4 | any6 | host ADDRESS | ADDRESS NETMASK | HOST | PREFIX */
static bool
take_network(struct edit *edit, unsigned *at, struct access_network *ret_network)
{
	const struct pattern_token *token = &edit->match->token[*at];
	enum value_type type;
	const char *text = next_word(edit->match, at, &type);
	*ret_network = (struct access_network){0};
	if (type == VALUE_KEYWORD && token->text[0] == 'h')
		return take_host(edit, next_word(edit->match, at, &type), ret_network);
	if (type == VALUE_KEYWORD) {
		if (token->length > strlen("any"))
			ret_network->family = token->text[token->length - 1] == '6' ? 6 : 4;
		return true;
	}
	if (type == VALUE_ADDRESS)
		return take_masked(edit, text, next_word(edit->match, at, &type), ret_network);
	if (type == VALUE_PREFIX)
		return take_prefixed(edit, text, ret_network);
	return take_host(edit, text, ret_network);
}

static bool
read_entry(struct edit *edit, struct access_entry *entry)
{
	const struct grammar_match *match = edit->match;
	const char *port = grammar_value(match, VALUE_PORT, 0);
	unsigned at = grammar_has(match, "extended") ? 5 : 4;
	entry->permit = grammar_has(match, "permit");
	entry->tcp = grammar_has(match, "tcp");
	entry->port = port != NULL ? value_port(port) : 0;
	if (port != NULL && !entry->tcp) {
		edit_refuse(edit, "eq %s: ip has no ports, tcp has", port);
		return false;
	}
	return take_network(edit, &at, &entry->source) &&
	       take_network(edit, &at, &entry->destination);
}

static void
name_line(struct edit *edit, struct config_access_line *line)
{
	memset(line, 0, sizeof(*line));
	snprintf(
	    line->list, sizeof(line->list), "%s", grammar_value(edit->match, VALUE_ACCESS_LIST, 0));
}

void
edit_access_entry(struct edit *edit)
{
	struct config_access_line line;
	name_line(edit, &line);
	if (edit->match->words == 2)
		remove_list(edit, line.list);
	else if (read_entry(edit, &line.entry))
		take_line(edit, &line);
}

void
edit_access_remark(struct edit *edit)
{
	struct config_access_line line;
	const char *text = grammar_value(edit->match, VALUE_LINE, 0);
	if (strlen(text) > CONFIG_REMARK_MAX) {
		edit_refuse(edit, "remark: at most %d bytes", CONFIG_REMARK_MAX);
		return;
	}
	name_line(edit, &line);
	memcpy(line.remark, text, strlen(text));
	take_line(edit, &line);
}

void
edit_access_clear(struct edit *edit)
{
	remove_list(edit, grammar_value(edit->match, VALUE_ACCESS_LIST, 0));
}
