#include "daemon/supervisor/count_table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct count_entry {
	struct count_key key;
	struct count count;
	uint32_t next; /* in its bucket, or of the free ones */
};

/* A power of two, at least one for each entry. */
static uint32_t
buckets_for(uint32_t most)
{
	uint32_t count = 1;

	while (count < most)
		count *= 2;
	return count;
}

int
count_table_init(struct count_table *table, uint32_t most)
{
	uint32_t buckets = buckets_for(most);

	*table = (struct count_table){.mask = buckets - 1};
	if (getrandom(&table->secret, sizeof(table->secret), 0) != sizeof(table->secret))
		return -errno;
	table->entry = calloc((size_t)most + 1, sizeof(*table->entry));
	table->bucket = calloc(buckets, sizeof(*table->bucket));
	if (!table->entry || !table->bucket) {
		count_table_fini(table);
		return -ENOMEM;
	}
	return 0;
}

void
count_table_fini(struct count_table *table)
{
	free(table->entry);
	free(table->bucket);
	*table = (struct count_table){0};
}

void
count_table_clear(struct count_table *table)
{
	memset(table->bucket, 0, ((size_t)table->mask + 1) * sizeof(*table->bucket));
	table->used = 0;
	table->free = COUNT_TABLE_NONE;
}

/* The finalizer of MurmurHash3. */
static uint64_t
mix(uint64_t x)
{
	x = (x ^ x >> 33) * 0xff51afd7ed558ccdull;
	x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53ull;
	return x ^ x >> 33;
}

static uint32_t *
bucket_of(const struct count_table *table, const struct count_key *key)
{
	uint64_t hash = table->secret;

	for (int i = 0; i < 3; i++)
		hash = mix(hash ^ key->word[i]);
	return &table->bucket[hash & table->mask];
}

uint32_t
count_table_find(const struct count_table *table, const struct count_key *key)
{
	uint32_t index = *bucket_of(table, key);

	while (
	    index != COUNT_TABLE_NONE && memcmp(&table->entry[index].key, key, sizeof(*key)) != 0)
		index = table->entry[index].next;
	return index;
}

uint32_t
count_table_take(struct count_table *table, const struct count_key *key)
{
	uint32_t *bucket = bucket_of(table, key);
	uint32_t index = count_table_find(table, key);

	if (index != COUNT_TABLE_NONE)
		return index;
	index = table->free;
	if (index != COUNT_TABLE_NONE)
		table->free = table->entry[index].next;
	else
		index = ++table->used;
	table->entry[index] = (struct count_entry){.key = *key, .next = *bucket};
	*bucket = index;
	return index;
}

struct count *
count_table_at(const struct count_table *table, uint32_t index)
{
	return &table->entry[index].count;
}

void
count_table_give(struct count_table *table, uint32_t index)
{
	uint32_t *link = bucket_of(table, &table->entry[index].key);

	while (*link != index)
		link = &table->entry[*link].next;
	*link = table->entry[index].next;
	table->entry[index].next = table->free;
	table->free = index;
}
