/*
 * session_table -- where a worker keeps its sessions
 *
 * Sessions lie densely, in the order in which they were taken: a worker that holds half of the
 * slots touches half of the memory.  An index by slot finds them.  All memory is reserved at the
 * start for every slot and touched when used; what was given back is used again first.
 */
#ifndef WORKER_SESSION_TABLE_H
#define WORKER_SESSION_TABLE_H

#include "worker/session.h"

struct session_table {
	struct session *session; /* [slots] */
	uint32_t *index;	 /* [slots]: number + 1 of the slot's session, 0 none */
	uint32_t slots;
	uint32_t touched; /* sessions [0, touched) have been used at least once */
	uint32_t free;	  /* number + 1 of the first one given back; chained by `slot` */
	uint32_t count;	  /* in use */
};

/* 0 or -errno. */
int session_table_open(struct session_table *table, uint32_t slots);
void session_table_close(struct session_table *table);

/* NULL: the slot has no session here, or there is no such slot. */
struct session *session_table_find(const struct session_table *table, uint32_t slot);
/* A zeroed session for a slot that has none; NULL otherwise. */
struct session *session_table_take(struct session_table *table, uint32_t slot);
void session_table_give(struct session_table *table, struct session *session);

#endif
