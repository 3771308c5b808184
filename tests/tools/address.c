#include "tests/tools/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

static bool
port_parse(const char *text, size_t length, uint16_t *ret_port)
{
	unsigned port = 0;

	if (length == 0 || length > 5)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		port = port * 10 + (unsigned)(text[i] - '0');
	}
	*ret_port = (uint16_t)port;
	return port > 0 && port < 65536;
}

bool
address_parse(const char *text, size_t length, struct address *ret_address)
{
	const char *colon = memrchr(text, ':', length);
	struct sockaddr_in *four = (struct sockaddr_in *)&ret_address->storage;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&ret_address->storage;
	char host[INET6_ADDRSTRLEN];
	size_t host_length;
	uint16_t port;

	memset(ret_address, 0, sizeof(*ret_address));
	if (colon == NULL)
		return false;
	host_length = (size_t)(colon - text);
	if (!port_parse(colon + 1, length - host_length - 1, &port))
		return false;
	if (host_length > 2 && text[0] == '[' && text[host_length - 1] == ']') {
		text++;
		host_length -= 2;
	}
	if (host_length == 0 || host_length >= sizeof(host))
		return false;
	memcpy(host, text, host_length);
	host[host_length] = '\0';
	if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		ret_address->length = sizeof(*four);
		return true;
	}
	if (inet_pton(AF_INET6, host, &six->sin6_addr) == 1) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons(port);
		ret_address->length = sizeof(*six);
		return true;
	}
	return false;
}

unsigned
address_port(const struct sockaddr_storage *address)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
	const struct sockaddr_in *four = (const struct sockaddr_in *)address;

	return ntohs(address->ss_family == AF_INET6 ? six->sin6_port : four->sin_port);
}
