#include "worker/inspect/compat.h"

#include "worker/inspect/output.h"

bool
compat_is_silent(const struct inspect_policy *policy)
{
	return policy->compat == INSPECT_COMPAT_ASA;
}
