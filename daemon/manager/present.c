#include "daemon/manager/present.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void
present_address(const struct shm_endpoint *endpoint, char text[PRESENT_ENDPOINT_MAX])
{
	int family = endpoint->family == 4 ? AF_INET : AF_INET6;

	if ((endpoint->family != 4 && endpoint->family != 6) ||
	    inet_ntop(family, endpoint->address, text, PRESENT_ENDPOINT_MAX) == NULL)
		snprintf(text, PRESENT_ENDPOINT_MAX, "-");
}

static void
join(const struct shm_endpoint *endpoint, const char *before, const char *after,
    char text[PRESENT_ENDPOINT_MAX])
{
	char address[PRESENT_ENDPOINT_MAX];

	present_address(endpoint, address);
	if (endpoint->family == 4 || endpoint->family == 6)
		snprintf(text, PRESENT_ENDPOINT_MAX, "%s%.46s%s%u", before, address, after,
		    endpoint->port);
	else
		memcpy(text, address, PRESENT_ENDPOINT_MAX);
}

void
present_endpoint(const struct shm_endpoint *endpoint, char text[PRESENT_ENDPOINT_MAX])
{
	bool six = endpoint->family == 6;

	join(endpoint, six ? "[" : "", six ? "]:" : ":", text);
}

void
present_endpoint_slash(const struct shm_endpoint *endpoint, char text[PRESENT_ENDPOINT_MAX])
{
	join(endpoint, "", "/", text);
}

bool
present_parse_address(const char *text, struct shm_endpoint *ret_endpoint)
{
	*ret_endpoint = (struct shm_endpoint){0};
	if (inet_pton(AF_INET, text, ret_endpoint->address) == 1)
		ret_endpoint->family = 4;
	else if (inet_pton(AF_INET6, text, ret_endpoint->address) == 1)
		ret_endpoint->family = 6;
	return ret_endpoint->family != 0;
}

bool
present_same_address(const struct shm_endpoint *one, const struct shm_endpoint *other)
{
	size_t length = one->family == 4 ? 4 : 16;

	return one->family == other->family && memcmp(one->address, other->address, length) == 0;
}

void
present_duration(uint64_t seconds, char *text, size_t size)
{
	snprintf(text, size, "%" PRIu64 ":%02u:%02u", seconds / 3600, (unsigned)(seconds / 60 % 60),
	    (unsigned)(seconds % 60));
}

/* Beyond year 9999 the words in shared memory are damaged: the epoch is shown instead. */
static void
split(uint64_t realtime_us, struct tm *parts)
{
	uint64_t seconds = realtime_us / 1000000;
	time_t time = seconds > 253402300799ull ? 0 : (time_t)seconds;

	gmtime_r(&time, parts);
}

void
present_cisco_time(uint64_t realtime_us, char *text, size_t size)
{
	struct tm parts;

	split(realtime_us, &parts);
	if (strftime(text, size, "%b %d %Y %H:%M:%S", &parts) == 0)
		text[0] = '\0';
}

void
present_iso_time(uint64_t realtime_us, char *text, size_t size)
{
	struct tm parts;
	char seconds[32];

	split(realtime_us, &parts);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(text, size, "%s.%06uZ", seconds, (unsigned)(realtime_us % 1000000));
}
