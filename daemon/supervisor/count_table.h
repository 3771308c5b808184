/*
 * count_table -- counts by key, in memory that is taken once
 *
 * A hash table with a bound on its entries, which its user keeps.  The hash has a secret, so that nobody
 * chooses keys that share a bucket.  An entry is named by its index from 1; 0 is none.
 *
 * Supervisor only.  0 or -errno.
 */
#ifndef SUPERVISOR_COUNT_TABLE_H
#define SUPERVISOR_COUNT_TABLE_H

#include <stdint.h>

#define COUNT_TABLE_NONE 0u

struct count_key {
	uint64_t word[3];
};

struct count {
	uint32_t connections;
	uint32_t embryonic;
};

struct count_entry;

struct count_table {
	struct count_entry *entry; /* [most + 1] */
	uint32_t used;		   /* so many have been; those after them were never touched */
	uint32_t free;		   /* the first of those that are free again */
	uint32_t *bucket;	   /* the first entry of each */
	uint32_t mask;
	uint64_t secret;
};

/* At most `most` entries will be there at once. */
int count_table_init(struct count_table *table, uint32_t most);
void count_table_fini(struct count_table *table);
void count_table_clear(struct count_table *table);

uint32_t count_table_find(const struct count_table *table, const struct count_key *key);
/* The one that is there, or a new one of zeros. */
uint32_t count_table_take(struct count_table *table, const struct count_key *key);
/* `index`: not none. */
struct count *count_table_at(const struct count_table *table, uint32_t index);
void count_table_give(struct count_table *table, uint32_t index);

#endif
