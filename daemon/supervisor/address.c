#include "daemon/supervisor/address.h"

#include <endian.h>
#include <string.h>

#define MAPPED	    0x0000ffff00000000ull /* ::ffff:0:0 */
#define MAPPED_MASK 0xffffffff00000000ull

struct address
address_of(const struct shm_endpoint *endpoint)
{
	struct address address = {.family = endpoint->family};
	uint32_t low;

	if (endpoint->family == 4) {
		memcpy(&low, endpoint->address, sizeof(low));
		address.half[1] = MAPPED | be32toh(low);
		return address;
	}
	memcpy(address.half, endpoint->address, sizeof(address.half));
	address.half[0] = be64toh(address.half[0]);
	address.half[1] = be64toh(address.half[1]);
	if (address.half[0] == 0 && (address.half[1] & MAPPED_MASK) == MAPPED)
		address.family = 4;
	return address;
}

struct address
address_of_client(const struct shm_endpoint *endpoint)
{
	struct address address = address_of(endpoint);

	if (address.family != 4)
		address.half[1] = 0;
	return address;
}
