/*
 * list -- a ring of nodes that are embedded in what they belong to
 *
 * A zeroed node is in no list.  The owner of the head finds the rest by offsetof().
 */
#ifndef WORKER_LIST_H
#define WORKER_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next; /* NULL: in no list */
	struct list *previous;
};

static inline void
list_init(struct list *head)
{
	head->next = head->previous = head;
}

static inline bool
list_is_empty(const struct list *head)
{
	return head->next == head;
}

static inline bool
list_is_linked(const struct list *node)
{
	return node->next != NULL;
}

static inline void
list_insert_behind(struct list *place, struct list *node)
{
	node->next = place->next;
	node->previous = place;
	place->next->previous = node;
	place->next = node;
}

static inline void
list_append(struct list *head, struct list *node)
{
	list_insert_behind(head->previous, node);
}

static inline void
list_remove(struct list *node)
{
	if (node->next == NULL)
		return;
	node->next->previous = node->previous;
	node->previous->next = node->next;
	node->next = node->previous = NULL;
}

#endif
