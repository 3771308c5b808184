#include "tests/fuzz/work.h"

#include "worker/inspect/inspect.h"

#include <string.h>

static struct work work;
static bool counting;

struct work
work_take(void)
{
	struct work taken = work;

	work = (struct work){0};
	return taken;
}

static void
count(size_t octets)
{
	if (counting)
		work.steps += 1 + octets;
}

/* What the linker gives the core instead (--wrap); a search ends where it has found. */
void __wrap___sanitizer_cov_trace_pc(void);
void __wrap_inspect_step(struct inspect *state, const struct inspect_policy *policy,
    const struct inspect_input *input, struct inspect_output *output);
void __real_inspect_step(struct inspect *state, const struct inspect_policy *policy,
    const struct inspect_input *input, struct inspect_output *output);
void *__wrap_memchr(const void *memory, int octet, size_t length);
void *__real_memchr(const void *memory, int octet, size_t length);
int __wrap_memcmp(const void *left, const void *right, size_t length);
int __real_memcmp(const void *left, const void *right, size_t length);
void *__wrap_memcpy(void *to, const void *from, size_t length);
void *__real_memcpy(void *to, const void *from, size_t length);
void *__wrap_memmove(void *to, const void *from, size_t length);
void *__real_memmove(void *to, const void *from, size_t length);
void *__wrap_memset(void *memory, int octet, size_t length);
void *__real_memset(void *memory, int octet, size_t length);

void
__wrap___sanitizer_cov_trace_pc(void)
{
	count(0);
}

void
__wrap_inspect_step(struct inspect *state, const struct inspect_policy *policy,
    const struct inspect_input *input, struct inspect_output *output)
{
	work.calls++;
	counting = true;
	__real_inspect_step(state, policy, input, output);
	counting = false;
}

void *
__wrap_memchr(const void *memory, int octet, size_t length)
{
	void *found = __real_memchr(memory, octet, length);

	count(found ? (size_t)((const char *)found - (const char *)memory) : length);
	return found;
}

int
__wrap_memcmp(const void *left, const void *right, size_t length)
{
	count(length);
	return __real_memcmp(left, right, length);
}

void *
__wrap_memcpy(void *to, const void *from, size_t length)
{
	count(length);
	return __real_memcpy(to, from, length);
}

void *
__wrap_memmove(void *to, const void *from, size_t length)
{
	count(length);
	return __real_memmove(to, from, length);
}

void *
__wrap_memset(void *memory, int octet, size_t length)
{
	count(length);
	return __real_memset(memory, octet, length);
}
