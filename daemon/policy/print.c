#include "daemon/policy/print.h"

#include "daemon/policy/builtin_map.h"
#include "daemon/policy/cli.h"
#include "daemon/policy/lexer.h"
#include "daemon/policy/map.h"
#include "daemon/policy/types.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX (MATCH_RULE_TEXT + 256)

struct printer {
	const struct config_writer *writer;
	const char *section;
	bool all;
	bool printed; /* the present block has lines */
	bool pending; /* an earlier one had: `!` before the next line */
	bool hidden;  /* the present top-level line is not of the section */
};

static bool
is_in_section(const char *line, const char *section)
{
	if (section == NULL)
		return true;
	if (strncmp(line, "no ", 3) == 0)
		line += 3;
	size_t length = strlen(section);
	return strncmp(line, section, length) == 0 && (line[length] == '\0' || line[length] == ' ');
}

/* `!` stands between two blocks that are not empty. */
static void
begin_block(struct printer *printer)
{
	printer->pending |= printer->printed;
	printer->printed = false;
}

static void
put_line(struct printer *printer, const char *indent, const char *text)
{
	const struct config_writer *writer = printer->writer;
	char line[TEXT_MAX];
	if (printer->pending)
		writer->line(writer->context, "!");
	printer->pending = false;
	snprintf(line, sizeof(line), "%s%s", indent, text);
	writer->line(writer->context, line);
	printer->printed = true;
}

static void __attribute__((format(printf, 2, 3)))
top(struct printer *printer, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	printer->hidden = !is_in_section(text, printer->section);
	if (!printer->hidden)
		put_line(printer, "", text);
}

static void __attribute__((format(printf, 3, 4)))
sub(struct printer *printer, const char *indent, const char *format, ...)
{
	char text[TEXT_MAX - 8];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (!printer->hidden)
		put_line(printer, indent, text);
}

static void
print_static(struct printer *printer, const struct config_static *rule)
{
	char listen[VALUE_ADDRESS_TEXT + 8], server[VALUE_ADDRESS_TEXT + 8];
	char source[VALUE_ADDRESS_TEXT] = "";
	char limits[48] = "";
	value_address_text(&rule->listen, listen);
	value_address_text(&rule->server, server);
	if (rule->source.family != 0)
		value_address_text(&rule->source, source);
	if (rule->with_ports) {
		size_t used = strlen(listen);
		snprintf(listen + used, sizeof(listen) - used, " %u", rule->listen.port);
		used = strlen(server);
		snprintf(server + used, sizeof(server) - used, " %u", rule->server.port);
	}
	if (rule->connections_max != 0 || rule->embryonic_max != 0 || printer->all)
		snprintf(limits, sizeof(limits), " tcp %u %u", rule->connections_max,
		    rule->embryonic_max);
	top(printer, "static (%s,%s) %s%s %s%s%s%s%s", rule->real, rule->mapped,
	    rule->with_ports ? "tcp " : "", listen, server,
	    rule->listen.family == 4 ? " netmask 255.255.255.255" : "", limits,
	    source[0] != '\0' ? " source " : "", source);
}

static void
print_fixup(struct printer *printer, const struct config_fixup *fixup)
{
	char last[16] = "";
	if (fixup->last != fixup->first)
		snprintf(last, sizeof(last), "-%u", fixup->last);
	top(printer, "%sfixup protocol smtp %u%s", fixup->on ? "" : "no ", fixup->first, last);
}

static void
print_access_line(struct printer *printer, const struct config_access_line *line)
{
	char text[2 * CONFIG_REMARK_MAX + ACCESS_ENTRY_TEXT];
	if (line->remark[0] != '\0') {
		lexer_quote_rest(text, sizeof(text), line->remark);
		top(printer, "access-list %s remark %s", line->list, text);
		return;
	}
	access_entry_text(&line->entry, text, sizeof(text));
	top(printer, "access-list %s extended %s", line->list, text);
}

static void
print_description(struct printer *printer, const char *description)
{
	char text[2 * CONFIG_DESCRIPTION_MAX + 8];
	if (description[0] == '\0')
		return;
	lexer_quote_rest(text, sizeof(text), description);
	sub(printer, " ", "description %s", text);
}

static void
print_class_map(struct printer *printer, const struct config_class_map *map)
{
	begin_block(printer);
	top(printer, "class-map %s", map->name);
	print_description(printer, map->description);
	if (map->match == CONFIG_MATCH_ANY)
		sub(printer, " ", "match any");
	else if (map->match == CONFIG_MATCH_ACCESS_LIST)
		sub(printer, " ", "match access-list %s", map->list);
}

static void
print_builtin_class_map(struct printer *printer)
{
	begin_block(printer);
	top(printer, "class-map %s", CONFIG_DEFAULT_CLASS);
	sub(printer, " ", "match default-inspection-traffic");
}

struct parameter_lines {
	struct printer *printer;
	bool begun;
};

static void
print_parameter(void *context, const char *text)
{
	struct parameter_lines *lines = context;
	if (!lines->begun)
		sub(lines->printer, " ", "parameters");
	lines->begun = true;
	sub(lines->printer, "  ", "%s", text);
}

static void
print_rule(struct printer *printer, const struct inspect_rule *rule, bool acts)
{
	char text[MATCH_RULE_TEXT];
	match_rule_text(rule, text, sizeof(text));
	sub(printer, " ", "%s", text);
	if (!acts)
		return;
	match_rule_action(rule, text, sizeof(text));
	sub(printer, "  ", "%s", text);
}

static void
print_map(struct printer *printer, const struct config_map *map)
{
	begin_block(printer);
	top(printer, "policy-map type inspect esmtp %s", map->name);
	print_description(printer, map->description);
	struct parameter_lines lines = {.printer = printer};
	parameters_print(&map->parameters, printer->all, print_parameter, &lines);
	for (unsigned i = 0; i < map->rules; i++)
		print_rule(printer, &map->rule[i].rule, map->rule[i].acts);
}

static void
print_builtin(struct printer *printer, const struct config *config, const struct builtin_map *map)
{
	static const struct parameters none;
	struct parameter_lines lines = {.printer = printer};
	char header[CONFIG_NAME_MAX + 32], harm[CLI_MESSAGE_MAX];
	struct inspect_policy policy;
	map_policy(config, map->name, &policy);
	begin_block(printer);
	snprintf(header, sizeof(header), "policy-map type inspect esmtp %s", map->name);
	snprintf(harm, sizeof(harm), "! harmful: %s", map->harm != NULL ? map->harm : "");
	if (map->harm != NULL && is_in_section(header, printer->section))
		put_line(printer, "", harm);
	top(printer, "%s", header);
	print_description(printer, map->description);
	if (map->parameters == NULL)
		parameters_print(&none, true, print_parameter, &lines);
	for (unsigned i = 0; map->parameters != NULL && map->parameters[i] != NULL; i++)
		print_parameter(&lines, map->parameters[i]);
	for (unsigned i = 0; i < policy.rules; i++)
		print_rule(printer, &policy.rule[i], true);
}

static void
print_class(struct printer *printer, const struct config_class *class)
{
	char limits[CONNECTION_LIMITS_TEXT];
	sub(printer, " ", "class %s", class->name);
	const char *map = class->map;
	if (map[0] == '\0' && printer->all)
		map = CONFIG_DEFAULT_MAP;
	switch (class->treatment) {
	case CONFIG_RELAY:
		sub(printer, "  ", "no inspect esmtp");
		break;
	case CONFIG_RAW:
		sub(printer, "  ", "no inspect esmtp raw");
		break;
	case CONFIG_INSPECT:
		sub(printer, "  ", "inspect esmtp%s%s", map[0] != '\0' ? " " : "", map);
		break;
	case CONFIG_UNTREATED:
		break;
	}
	connection_limits_text(&class->limits, limits);
	if (limits[0] != '\0')
		sub(printer, "  ", "set connection %s", limits);
}

static void
print_policy(struct printer *printer, const struct config_policy *policy)
{
	begin_block(printer);
	top(printer, "policy-map %s", policy->name);
	print_description(printer, policy->description);
	bool factory = strcmp(policy->name, CONFIG_DEFAULT_POLICY) == 0;
	/* First, so that its place is free for the others when the lines are entered. */
	if (factory &&
	    tree_find_class((struct config_policy *)policy, CONFIG_DEFAULT_CLASS) == NULL)
		sub(printer, " ", "no class %s", CONFIG_DEFAULT_CLASS);
	for (unsigned i = 0; i < policy->classes; i++)
		print_class(printer, &policy->class_of[i]);
}

static void
print_services(struct printer *printer, const struct config *config)
{
	begin_block(printer);
	for (unsigned i = 0; i < config->services; i++) {
		const struct config_service *service = &config->service[i];
		bool global = service->interface[0] == '\0';
		top(printer, "service-policy %s %s%s", service->policy,
		    global ? "global" : "interface ", service->interface);
	}
}

static void
print_what_is_gone(struct printer *printer, const struct config *config)
{
	struct config *readable = (struct config *)config;
	if (tree_find_service(readable, "") == NULL)
		top(printer, "no service-policy %s global", CONFIG_DEFAULT_POLICY);
	if (tree_find_policy(readable, CONFIG_DEFAULT_POLICY) == NULL)
		top(printer, "no policy-map %s", CONFIG_DEFAULT_POLICY);
}

void
config_print(
    const struct config *config, const char *section, bool all, const struct config_writer *writer)
{
	struct printer printer = {.writer = writer, .section = section, .all = all};
	top(&printer, "hostname %s", config->hostname);
	begin_block(&printer);
	for (unsigned i = 0; i < config->fixups; i++)
		print_fixup(&printer, &config->fixup[i]);
	begin_block(&printer);
	for (unsigned i = 0; i < config->access_lines; i++)
		print_access_line(&printer, &config->access_line[i]);
	begin_block(&printer);
	for (unsigned i = 0; i < config->statics; i++)
		print_static(&printer, &config->static_of[i]);
	for (unsigned i = 0; i < config->class_maps; i++)
		print_class_map(&printer, &config->class_map[i]);
	if (all)
		print_builtin_class_map(&printer);
	for (unsigned i = 0; all && builtin_map_at(i) != NULL; i++)
		print_builtin(&printer, config, builtin_map_at(i));
	for (unsigned i = 0; i < config->maps; i++)
		print_map(&printer, &config->map[i]);
	for (unsigned i = 0; i < config->policies; i++)
		print_policy(&printer, &config->policy[i]);
	print_services(&printer, config);
	print_what_is_gone(&printer, config);
}

void
print_map_whole(const struct config *config, const char *name, const struct config_writer *writer)
{
	struct printer printer = {.writer = writer, .all = true};
	const struct config_map *map = tree_find_map((struct config *)config, name);
	const struct builtin_map *builtin = builtin_map_find(name);
	if (map != NULL)
		print_map(&printer, map);
	else if (builtin != NULL)
		print_builtin(&printer, config, builtin);
}
