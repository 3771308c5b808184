#include "daemon/policy/types.h"

#include "daemon/policy/builtin_map.h"
#include "daemon/policy/tree.h"
#include "worker/inspect/policy.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define SMTP_PORT 25

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alphanumeric(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
parse_number(const char *text, uint32_t *ret_number)
{
	uint64_t number = 0;
	size_t length = strlen(text);
	if (length == 0 || length > 10)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!is_digit(text[i]))
			return false;
		number = number * 10 + (unsigned)(text[i] - '0');
	}
	if (number > UINT32_MAX)
		return false;
	*ret_number = (uint32_t)number;
	return true;
}

static bool
check_word(const char *text, uint32_t least, uint32_t most)
{
	(void)least;
	(void)most;
	return text[0] != '\0';
}

static bool
check_name(const char *text, uint32_t least, uint32_t most)
{
	(void)least;
	(void)most;
	size_t length = strlen(text);
	if (length == 0 || length > CONFIG_NAME_MAX)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!is_alphanumeric(text[i]) && strchr("_-.", text[i]) == NULL)
			return false;
	}
	return true;
}

/* RFC 1123 2.1: labels of letters, digits and inner hyphens; a banner has room for 63 bytes. */
static bool
check_hostname(const char *text, uint32_t least, uint32_t most)
{
	(void)least;
	(void)most;
	if (strlen(text) > CONFIG_HOSTNAME_MAX)
		return false;
	for (;;) {
		size_t label = strcspn(text, ".");
		if (label == 0 || text[0] == '-' || text[label - 1] == '-')
			return false;
		for (size_t i = 0; i < label; i++) {
			if (!is_alphanumeric(text[i]) && text[i] != '-')
				return false;
		}
		if (text[label] == '\0')
			return true;
		text += label + 1;
	}
}

static bool
check_number(const char *text, uint32_t least, uint32_t most)
{
	uint32_t number;
	return parse_number(text, &number) && number >= least && number <= most;
}

static bool
check_address(const char *text, uint32_t least, uint32_t most)
{
	(void)least;
	(void)most;
	struct shm_endpoint endpoint;
	return value_address(text, &endpoint);
}

static bool
check_netmask(const char *text, uint32_t least, uint32_t most)
{
	(void)least;
	(void)most;
	struct in_addr mask;
	return inet_pton(AF_INET, text, &mask) == 1;
}

static bool
check_port(const char *text, uint32_t least, uint32_t most)
{
	(void)least;
	(void)most;
	uint32_t port;
	/* The ASA prints port 25 as `smtp`. */
	return strcmp(text, "smtp") == 0 ||
	       (parse_number(text, &port) && port >= 1 && port <= UINT16_MAX);
}

/* An address that stands alone, and so must not be taken for a netmask. */
static bool
check_host(const char *text, uint32_t least, uint32_t most)
{
	struct shm_endpoint endpoint;
	if (!check_address(text, least, most))
		return false;
	value_address(text, &endpoint);
	return endpoint.family == 6 || (endpoint.address[0] != 0 && endpoint.address[0] < 224 &&
					   access_netmask_bits(&endpoint) < 0);
}

static bool
split_prefix(const char *text, char address[VALUE_ADDRESS_TEXT], uint32_t *ret_bits)
{
	const char *slash = strchr(text, '/');
	if (slash == NULL || slash - text >= VALUE_ADDRESS_TEXT)
		return false;
	snprintf(address, VALUE_ADDRESS_TEXT, "%.*s", (int)(slash - text), text);
	return parse_number(slash + 1, ret_bits);
}

static bool
check_prefix(const char *text, uint32_t least, uint32_t most)
{
	(void)least;
	(void)most;
	char address[VALUE_ADDRESS_TEXT];
	struct shm_endpoint endpoint;
	uint32_t bits;
	return split_prefix(text, address, &bits) && value_address(address, &endpoint) &&
	       bits <= (endpoint.family == 6 ? 128 : 32);
}

static bool
split_ports(const char *text, char first[16], char last[16])
{
	size_t length = strcspn(text, "-");
	const char *behind = text[length] == '-' ? text + length + 1 : text;
	if (length >= 16 || strlen(behind) >= 16)
		return false;
	snprintf(first, 16, "%.*s", (int)length, text);
	snprintf(last, 16, "%s", behind);
	return true;
}

static bool
check_ports(const char *text, uint32_t least, uint32_t most)
{
	char first[16], last[16];
	return split_ports(text, first, last) && check_port(first, least, most) &&
	       check_port(last, least, most) && value_port(first) <= value_port(last);
}

static bool
check_id(const char *text, uint32_t least, uint32_t most)
{
	(void)least;
	(void)most;
	return strlen(text) == 16 && strspn(text, "0123456789abcdefABCDEF") == 16;
}

static bool
check_interfaces(const char *text, uint32_t least, uint32_t most)
{
	(void)least;
	(void)most;
	size_t length = strlen(text);
	const char *comma = strchr(text, ',');
	if (length < 5 || text[0] != '(' || text[length - 1] != ')' || comma == NULL)
		return false;
	size_t real = (size_t)(comma - text) - 1;
	size_t mapped = length - real - 3;
	if (real == 0 || mapped == 0 || real > CONFIG_INTERFACE_MAX ||
	    mapped > CONFIG_INTERFACE_MAX)
		return false;
	for (size_t i = 1; i < length - 1; i++) {
		if (text + i != comma && !is_alphanumeric(text[i]) &&
		    strchr("_-.", text[i]) == NULL)
			return false;
	}
	return true;
}

static bool
check_interface(const char *text, uint32_t least, uint32_t most)
{
	return strlen(text) <= CONFIG_INTERFACE_MAX && check_name(text, least, most);
}

static bool
check_verb(const char *text, uint32_t least, uint32_t most)
{
	(void)least;
	(void)most;
	return inspect_verb_name(inspect_verb_find(text, strlen(text))) != NULL;
}

static bool
check_extension(const char *text, uint32_t least, uint32_t most)
{
	(void)least;
	(void)most;
	return inspect_extension_name(inspect_extension_find(text, strlen(text))) != NULL;
}

static bool
check_reply_parameter(const char *text, uint32_t least, uint32_t most)
{
	(void)least;
	(void)most;
	return match_rule_parameter(text) != 0;
}

/* The interfaces that the statics name, perhaps several times. */
static const char *
list_interfaces(const struct config *config, unsigned index)
{
	if (index / 2 >= config->statics)
		return NULL;
	const struct config_static *rule = &config->static_of[index / 2];
	return index % 2 == 0 ? rule->mapped : rule->real;
}

static const char *
list_maps(const struct config *config, unsigned index)
{
	if (index < config->maps)
		return config->map[index].name;
	const struct builtin_map *map = builtin_map_at(index - config->maps);
	return map != NULL ? map->name : NULL;
}

static const char *
list_policies(const struct config *config, unsigned index)
{
	return index < config->policies ? config->policy[index].name : NULL;
}

static const char *
list_classes(const struct config *config, unsigned index)
{
	if (index < config->class_maps)
		return config->class_map[index].name;
	return index == config->class_maps ? CONFIG_DEFAULT_CLASS : NULL;
}

/* By their lines, so a name comes several times. */
static const char *
list_access_lists(const struct config *config, unsigned index)
{
	return index < config->access_lines ? config->access_line[index].list : NULL;
}

static const char *
list_verbs(const struct config *config, unsigned index)
{
	(void)config;
	return inspect_verb_name(index);
}

static const char *
list_extensions(const struct config *config, unsigned index)
{
	(void)config;
	return inspect_extension_name(index);
}

static const char *
list_reply_parameters(const struct config *config, unsigned index)
{
	(void)config;
	return index == 0 ? "others" : inspect_extension_word(index - 1);
}

static const struct {
	const char *name;
	const char *form;
	bool (*check)(const char *text, uint32_t least, uint32_t most);
	const char *(*list)(const struct config *config, unsigned index);
} types[VALUE_TYPES] = {
#define TYPE(name, form, check, list) [VALUE_##name] = {#name, form, check, list},
#include "daemon/policy/types.def"
#undef TYPE
};

enum value_type
value_type_find(const char *name, size_t length)
{
	for (unsigned type = VALUE_KEYWORD + 1; type < VALUE_TYPES; type++) {
		if (strlen(types[type].name) == length &&
		    memcmp(types[type].name, name, length) == 0)
			return (enum value_type)type;
	}
	return VALUE_TYPES;
}

bool
value_check(enum value_type type, const char *text, uint32_t least, uint32_t most)
{
	return types[type].check(text, least, most);
}

void
value_form(enum value_type type, uint32_t least, uint32_t most, char *buffer, size_t size)
{
	if (type == VALUE_NUMBER)
		snprintf(buffer, size, "<%u-%u>", least, most);
	else
		snprintf(buffer, size, "%s", types[type].form);
}

const char *
value_list(enum value_type type, const struct config *config, unsigned index)
{
	return types[type].list != NULL ? types[type].list(config, index) : NULL;
}

uint32_t
value_number(const char *text)
{
	uint32_t number = 0;
	parse_number(text, &number);
	return number;
}

uint16_t
value_port(const char *text)
{
	return strcmp(text, "smtp") == 0 ? SMTP_PORT : (uint16_t)value_number(text);
}

void
value_ports(const char *text, uint16_t *ret_first, uint16_t *ret_last)
{
	char first[16] = "", last[16] = "";
	split_ports(text, first, last);
	*ret_first = value_port(first);
	*ret_last = value_port(last);
}

unsigned
value_prefix(const char *text, char address[VALUE_ADDRESS_TEXT])
{
	uint32_t bits = 0;
	split_prefix(text, address, &bits);
	return bits;
}

bool
value_address(const char *text, struct shm_endpoint *ret_endpoint)
{
	struct shm_endpoint endpoint = {0};
	if (inet_pton(AF_INET, text, endpoint.address) == 1)
		endpoint.family = 4;
	else if (inet_pton(AF_INET6, text, endpoint.address) == 1)
		endpoint.family = 6;
	else
		return false;
	*ret_endpoint = endpoint;
	return true;
}

void
value_interfaces(const char *text, char real[33], char mapped[33])
{
	size_t comma = strcspn(text, ",");
	snprintf(real, CONFIG_INTERFACE_MAX + 1, "%.*s", (int)comma - 1, text + 1);
	snprintf(mapped, CONFIG_INTERFACE_MAX + 1, "%.*s", (int)(strlen(text) - comma) - 2,
	    text + comma + 1);
}

void
value_address_text(const struct shm_endpoint *endpoint, char buffer[VALUE_ADDRESS_TEXT])
{
	int family = endpoint->family == 6 ? AF_INET6 : AF_INET;
	if (inet_ntop(family, endpoint->address, buffer, VALUE_ADDRESS_TEXT) == NULL)
		buffer[0] = '\0';
}
