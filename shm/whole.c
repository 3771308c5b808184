#include "shm/whole.h"

#include <sched.h>
#include <string.h>

#define READ_TRIES 1000

void
whole_write(_Atomic uint64_t *sequence, void *place, const void *from, size_t size)
{
	uint64_t writing = atomic_load_explicit(sequence, memory_order_relaxed) | 1;

	atomic_store_explicit(sequence, writing, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	memcpy(place, from, size);
	atomic_store_explicit(sequence, writing + 1, memory_order_release);
}

bool
whole_read(const _Atomic uint64_t *sequence, const void *place, void *to, size_t size)
{
	for (int i = 0; i < READ_TRIES; i++) {
		uint64_t before = atomic_load_explicit(sequence, memory_order_acquire);

		if (before == 0)
			return false;
		if (before & 1) {
			sched_yield();
			continue;
		}
		memcpy(to, place, size);
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(sequence, memory_order_relaxed) == before)
			return true;
	}
	return false;
}
