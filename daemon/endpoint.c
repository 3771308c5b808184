#include "daemon/endpoint.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

void
endpoint_take(const struct sockaddr_storage *address, struct shm_endpoint *ret_endpoint)
{
	memset(ret_endpoint, 0, sizeof(*ret_endpoint));
	if (address->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)address;

		ret_endpoint->family = 4;
		ret_endpoint->port = ntohs(in->sin_port);
		memcpy(ret_endpoint->address, &in->sin_addr, 4);
	} else if (address->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;

		ret_endpoint->family = 6;
		ret_endpoint->port = ntohs(in6->sin6_port);
		memcpy(ret_endpoint->address, &in6->sin6_addr, 16);
	}
}

unsigned
endpoint_sockaddr(const struct shm_endpoint *endpoint, struct sockaddr_storage *ret_address)
{
	memset(ret_address, 0, sizeof(*ret_address));
	if (endpoint->family == 4) {
		struct sockaddr_in *in = (struct sockaddr_in *)ret_address;

		in->sin_family = AF_INET;
		in->sin_port = htons(endpoint->port);
		memcpy(&in->sin_addr, endpoint->address, 4);
		return sizeof(*in);
	}
	if (endpoint->family == 6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret_address;

		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(endpoint->port);
		memcpy(&in6->sin6_addr, endpoint->address, 16);
		return sizeof(*in6);
	}
	return 0;
}

/* How many bytes of the address count. */
static size_t
length_of(const struct shm_endpoint *endpoint)
{
	return endpoint->family == 4 ? 4 : endpoint->family == 6 ? 16 : 0;
}

bool
endpoint_same_address(const struct shm_endpoint *one, const struct shm_endpoint *other)
{
	return one->family == other->family &&
	       memcmp(one->address, other->address, length_of(one)) == 0;
}

bool
endpoint_is_any(const struct shm_endpoint *endpoint)
{
	static const uint8_t zero[16];

	return memcmp(endpoint->address, zero, length_of(endpoint)) == 0;
}

int
endpoint_compare(const struct shm_endpoint *one, const struct shm_endpoint *other)
{
	int order = (int)one->family - (int)other->family;

	if (order == 0)
		order = memcmp(one->address, other->address, length_of(one));
	return order != 0 ? order : (int)one->port - (int)other->port;
}
