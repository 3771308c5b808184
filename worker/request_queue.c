#include "worker/request_queue.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

/* RESET for each leg, FINISHED, and one to spare. */
#define REQUESTS_PER_SLOT 4u
/* So many TAKEN are worth waking the supervisor for, long before it would have to wait for them. */
#define TAKEN_MANY (HANDOVER_UNDER_WAY / 4u)

static size_t
queue_bytes(const struct request_queue *queue)
{
	return (size_t)queue->capacity * sizeof(*queue->items);
}

int
request_queue_open(struct request_queue *queue, uint32_t slots)
{
	void *memory;

	*queue = (struct request_queue){.capacity = 2 * HANDOVER_BATCH};
	while (queue->capacity / REQUESTS_PER_SLOT < slots && queue->capacity < 1u << 30)
		queue->capacity *= 2;
	memory = mmap(NULL, queue_bytes(queue), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	queue->items = memory;
	return 0;
}

void
request_queue_close(struct request_queue *queue)
{
	if (queue->items != NULL)
		munmap(queue->items, queue_bytes(queue));
	queue->items = NULL;
}

bool
request_queue_push(struct request_queue *queue, const struct handover_item *item)
{
	if (queue->tail - queue->head >= queue->capacity)
		return false;
	queue->items[queue->tail++ & (queue->capacity - 1)] = *item;
	return true;
}

void
request_queue_taken(struct request_queue *queue, uint32_t items)
{
	queue->taken += items;
}

uint32_t
request_queue_packet(struct request_queue *queue, const struct handover_item **ret_items)
{
	uint32_t first, count;

	if (queue->under_way != 0)
		return 0;
	if (queue->taken >= TAKEN_MANY || (queue->taken != 0 && queue->tail != queue->head)) {
		struct handover_item item = {
		    .kind = HANDOVER_TAKEN, .slot = SHM_NO_SLOT, .error = (int32_t)queue->taken};

		if (request_queue_push(queue, &item))
			queue->taken = 0;
	}
	count = queue->tail - queue->head;
	if (count == 0)
		queue->head = queue->tail = 0; /* the same memory again */
	if (count > HANDOVER_BATCH)
		count = HANDOVER_BATCH;
	first = queue->head & (queue->capacity - 1);
	if (count > queue->capacity - first)
		count = queue->capacity - first;
	queue->under_way = count;
	*ret_items = &queue->items[first];
	return count;
}

void
request_queue_sent(struct request_queue *queue, bool again)
{
	if (!again)
		queue->head += queue->under_way;
	queue->under_way = 0;
}

void
request_queue_forget(struct request_queue *queue)
{
	queue->tail = queue->head + queue->under_way;
	queue->taken = 0;
}
