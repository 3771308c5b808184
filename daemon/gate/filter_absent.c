#include "daemon/gate/filter_absent.h"

#include "daemon/gate/filter.h"

#include <errno.h>

static int
absent(const char **ret_step)
{
	*ret_step = "this build has no gate";
	return -ENOTSUP;
}

int
gate_filter_load(struct gate_filter *filter, uint32_t slots, const char **ret_step)
{
	(void)slots;
	*filter = (struct gate_filter){-1, -1, -1};
	return absent(ret_step);
}

void
gate_filter_close(struct gate_filter *filter)
{
	(void)filter;
}

int
gate_filter_guard(
    const struct gate_filter *filter, const struct shm_endpoint *address, unsigned bits)
{
	(void)filter;
	(void)address;
	(void)bits;
	return -ENOTSUP;
}

int
gate_filter_unguard(
    const struct gate_filter *filter, const struct shm_endpoint *address, unsigned bits)
{
	return gate_filter_guard(filter, address, bits);
}

int
gate_filter_fits(const struct gate_filter *filter, uint32_t slots, const char **ret_step)
{
	(void)filter;
	(void)slots;
	return absent(ret_step);
}

int
gate_filter_install(const struct gate_filter *filter, uint16_t queue, const char **ret_step)
{
	(void)filter;
	(void)queue;
	return absent(ret_step);
}

int
gate_filter_check(const char **ret_step)
{
	return absent(ret_step);
}

int
gate_filter_remove(const char **ret_step)
{
	return absent(ret_step);
}
