#include "daemon/manager/settings_value.h"

#include "daemon/manager/present.h"

#include <stdlib.h>
#include <string.h>

bool
settings_name_is_plain(const char *name)
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

	return name[0] != '-' && name[0] != '\0' && name[strspn(name, allowed)] == '\0';
}

static bool
port_is_valid(const char *port)
{
	size_t digits = strspn(port, "0123456789");

	if (digits == 0 || digits > 5 || port[digits] != '\0')
		return false;
	long number = strtol(port, NULL, 10);
	return number >= 1 && number <= 65535;
}

bool
settings_parse_udp(const char *target, char *host, size_t host_size, char *port, size_t port_size)
{
	if (strncmp(target, "udp:", 4) != 0)
		return false;
	const char *start = target + 4;
	const char *colon = strrchr(start, ':');
	if (colon == NULL || !port_is_valid(colon + 1))
		return false;

	size_t length = (size_t)(colon - start);
	bool bracket = length >= 2 && start[0] == '[' && start[length - 1] == ']';
	if (bracket) {
		start++;
		length -= 2;
	}
	if (length == 0 || length >= host_size || strlen(colon + 1) >= port_size)
		return false;
	memcpy(host, start, length);
	host[length] = '\0';
	memcpy(port, colon + 1, strlen(colon + 1) + 1);
	/* An IPv6 address without brackets would hide where the port begins. */
	if (!bracket && strchr(host, ':') != NULL)
		return false;
	return host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789.-:%_")] == '\0';
}

bool
settings_target_is_valid(const char *target)
{
	char host[128];
	char port[8];

	return strcmp(target, "journal") == 0 || strcmp(target, "stderr") == 0 ||
	       settings_parse_udp(target, host, sizeof(host), port, sizeof(port));
}

bool
settings_path_is_plain(const char *path)
{
	for (const char *at = path; *at != '\0'; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			return false;
	return path[0] == '/';
}

static bool
is_of_one_host(const struct shm_endpoint *address)
{
	static const uint8_t none[16];
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	const uint8_t *bytes = address->address;

	if (memcmp(bytes, none, sizeof(none)) == 0)
		return false;
	if (address->family == 4) /* 0/8, 224/3: multicast, reserved, broadcast */
		return bytes[0] != 0 && bytes[0] < 224;
	/* Multicast; link-local, which says nothing without an interface; IPv4 in disguise. */
	return bytes[0] != 0xff && !(bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) &&
	       memcmp(bytes, mapped, sizeof(mapped)) != 0;
}

bool
settings_parse_address(const char *text, struct shm_endpoint *ret_address)
{
	return present_parse_address(text, ret_address) && is_of_one_host(ret_address);
}

/* Where the port begins, NULL: there is none. */
static const char *
find_port(const char *text)
{
	const char *colon = strchr(text, ':');

	if (text[0] == '[') {
		const char *end = strchr(text, ']');
		return end != NULL && end[1] == ':' ? end + 2 : NULL;
	}
	return colon != NULL && strchr(colon + 1, ':') == NULL ? colon + 1 : NULL;
}

bool
settings_parse_endpoint(const char *text, uint16_t port, struct shm_endpoint *ret_endpoint)
{
	const char *digits = find_port(text);
	size_t length = digits != NULL ? (size_t)(digits - 1 - text) : strlen(text);
	char address[64];

	if (digits != NULL && !port_is_valid(digits))
		return false;
	if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	}
	if (length >= sizeof(address))
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	if (!settings_parse_address(address, ret_endpoint))
		return false;
	ret_endpoint->port = digits != NULL ? (uint16_t)strtol(digits, NULL, 10) : port;
	return true;
}
