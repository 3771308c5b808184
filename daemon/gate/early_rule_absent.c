#include "daemon/gate/early_rule_absent.h"

#include "daemon/gate/early_rule.h"

#include <errno.h>

int
early_rule_hold(const struct shm_endpoint *addresses, uint32_t count, uint16_t queue)
{
	(void)addresses;
	(void)count;
	(void)queue;
	return -ENOTSUP;
}

int
early_rule_pass(void)
{
	return -ENOTSUP;
}

int
early_rule_check(const struct shm_endpoint *addresses, uint32_t count, bool holds)
{
	(void)addresses;
	(void)count;
	(void)holds;
	return -ENOTSUP;
}

int
early_rule_remove(void)
{
	return 0;
}
