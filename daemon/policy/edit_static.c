#include "daemon/policy/edit_static.h"

#include <stdio.h>
#include <string.h>

#define SMTP_PORT 25

void
edit_hostname(struct edit *edit)
{
	const char *name = grammar_value(edit->match, VALUE_HOSTNAME, 0);
	char *hostname = edit->config->hostname;
	if (edit->match->negated && name != NULL && strcmp(name, hostname) != 0) {
		edit_refuse(edit, "the host name is %s", hostname);
		return;
	}
	if (edit->match->negated)
		name = CONFIG_DEFAULT_HOSTNAME;
	if (strcmp(hostname, name) == 0)
		return;
	memset(hostname, 0, CONFIG_HOSTNAME_MAX + 1);
	memcpy(hostname, name, strlen(name));
	edit_changed(edit);
}

/* Why no TCP connection to or from that address can be meant; NULL if there is nothing. */
static const char *
address_fault(const struct shm_endpoint *endpoint)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	static const uint8_t zero[16];
	const uint8_t *address = endpoint->address;
	if (endpoint->family == 4) {
		if (address[0] == 0)
			return "is not the address of a host";
		if (address[0] >= 224)
			return "is a multicast or reserved address";
		return NULL;
	}
	if (memcmp(address, zero, sizeof(zero)) == 0)
		return "is not the address of a host";
	if (address[0] == 0xff)
		return "is a multicast address";
	/* It would need an interface beside it (RFC 4007 6). */
	if (address[0] == 0xfe && (address[1] & 0xc0) == 0x80)
		return "is a link-local address";
	if (memcmp(address, mapped, sizeof(mapped)) == 0)
		return "is an IPv4 address: write it as A.B.C.D";
	return NULL;
}

static bool
take_address(struct edit *edit, const char *text, struct shm_endpoint *ret_endpoint)
{
	value_address(text, ret_endpoint);
	const char *fault = address_fault(ret_endpoint);
	if (fault != NULL)
		edit_refuse(edit, "%s %s", text, fault);
	return fault == NULL;
}

static bool
take_source(struct edit *edit, struct config_static *rule)
{
	const char *source = grammar_behind(edit->match, "source");
	if (source == NULL)
		return true;
	if (!take_address(edit, source, &rule->source))
		return false;
	if (rule->source.family != rule->server.family) {
		edit_refuse(
		    edit, "source %s and the server are not of the same address family", source);
		return false;
	}
	return true;
}

static bool
check_netmask(struct edit *edit, const struct config_static *rule)
{
	const char *mask = grammar_value(edit->match, VALUE_NETMASK, 0);
	if (mask == NULL)
		return true;
	if (strcmp(mask, "255.255.255.255") != 0) {
		edit_refuse(
		    edit, "netmask %s: a static is one host, netmask 255.255.255.255", mask);
		return false;
	}
	if (rule->listen.family != 4) {
		edit_refuse(edit, "an IPv6 static has no netmask");
		return false;
	}
	return true;
}

static uint32_t
number_at(const struct grammar_match *match, unsigned index)
{
	const char *text = grammar_value(match, VALUE_NUMBER, index);
	return text != NULL ? value_number(text) : 0;
}

static bool
read_rule(struct edit *edit, struct config_static *rule)
{
	const struct grammar_match *match = edit->match;
	memset(rule, 0, sizeof(*rule));
	value_interfaces(grammar_value(match, VALUE_INTERFACES, 0), rule->real, rule->mapped);
	if (!take_address(edit, grammar_value(match, VALUE_ADDRESS, 0), &rule->listen) ||
	    !take_address(edit, grammar_value(match, VALUE_ADDRESS, 1), &rule->server))
		return false;
	const char *port = grammar_value(match, VALUE_PORT, 0);
	rule->with_ports = port != NULL;
	rule->listen.port = port != NULL ? value_port(port) : SMTP_PORT;
	rule->server.port =
	    port != NULL ? value_port(grammar_value(match, VALUE_PORT, 1)) : SMTP_PORT;
	rule->connections_max = number_at(match, 0);
	rule->embryonic_max = number_at(match, 1);
	return check_netmask(edit, rule) && take_source(edit, rule);
}

static bool
same_place(const struct config_static *one, const struct config_static *other)
{
	return strcmp(one->real, other->real) == 0 && strcmp(one->mapped, other->mapped) == 0 &&
	       tree_endpoint_equal(&one->listen, &other->listen) &&
	       tree_endpoint_equal(&one->server, &other->server);
}

static bool
same_rule(const struct config_static *one, const struct config_static *other)
{
	return same_place(one, other) && one->with_ports == other->with_ports &&
	       tree_endpoint_equal(&one->source, &other->source) &&
	       one->connections_max == other->connections_max &&
	       one->embryonic_max == other->embryonic_max;
}

static void
remove_rule(struct edit *edit, const struct config_static *rule)
{
	struct config *config = edit->config;
	struct config_static *old = tree_find_static(config, &rule->listen);
	if (old == NULL || !same_place(old, rule)) {
		edit_warn(edit, "there is no such static");
		return;
	}
	tree_remove(
	    config->static_of, &config->statics, sizeof(*old), (unsigned)(old - config->static_of));
	edit_changed(edit);
}

static void
refuse_duplicate(struct edit *edit, const struct config_static *old)
{
	char listen[VALUE_ADDRESS_TEXT], server[VALUE_ADDRESS_TEXT];
	value_address_text(&old->listen, listen);
	value_address_text(&old->server, server);
	edit_refuse(edit,
	    "%s port %u is already taken by static (%s,%s) to %s port %u; remove that one first",
	    listen, old->listen.port, old->real, old->mapped, server, old->server.port);
}

static void
warn_of_rule(struct edit *edit, const struct config_static *rule)
{
	if (tree_handling_for(edit->config, rule).treatment != CONFIG_INSPECT)
		edit_warn(edit,
		    "WARNING: no service-policy inspects this static: mail is relayed without "
		    "inspection");
}

void
edit_static(struct edit *edit)
{
	struct config *config = edit->config;
	struct config_static rule;
	if (!read_rule(edit, &rule))
		return;
	if (edit->match->negated) {
		remove_rule(edit, &rule);
		return;
	}
	if (tree_endpoint_equal(&rule.listen, &rule.server)) {
		edit_refuse(edit, "the gateway would be its own server");
		return;
	}
	struct config_static *old = tree_find_static(config, &rule.listen);
	if (old != NULL && !same_place(old, &rule)) {
		refuse_duplicate(edit, old);
		return;
	}
	if (old == NULL && config->statics == CONFIG_STATICS_MAX) {
		edit_refuse(edit, "at most %d statics", CONFIG_STATICS_MAX);
		return;
	}
	if (old == NULL)
		old =
		    tree_insert(config->static_of, &config->statics, sizeof(*old), config->statics);
	if (!same_rule(old, &rule)) {
		*old = rule;
		edit_changed(edit);
	}
	warn_of_rule(edit, &rule);
}
