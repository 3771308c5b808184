/*
 * policy_cache -- the worker's own copies of the policies that its sessions name
 *
 * A policy is copied from the policy area and checked when the first session names it; the core
 * sees only the checked copy, which nobody else can change.  The copy stays until a session names
 * the same policy slot with another hash, which the manager lets happen only when no session
 * names the old one any more.
 *
 * An image that another version of the program has made is not understood.  The policy of the same
 * name that the manager of this version has made takes its place.
 *
 * Memory is reserved at the start and touched as policies come.
 */
#ifndef WORKER_POLICY_CACHE_H
#define WORKER_POLICY_CACHE_H

#include "shm/policy_area.h"
#include "worker/inspect/policy.h"

struct policy_cache_entry {
	bool held;
	uint64_t hash;
	_Alignas(SHM_CACHE_LINE) uint8_t image[POLICY_IMAGE_MAX];
};

struct policy_cache {
	const struct policy_area *area;
	struct policy_cache_entry *entry; /* [POLICY_SLOTS] */
};

/* 0 or -errno. */
int policy_cache_open(struct policy_cache *cache, const struct policy_area *area);
void policy_cache_close(struct policy_cache *cache);

/* The checked policy; NULL: no such slot, not ready, another hash, or an image that is bad. */
const struct inspect_policy *policy_cache_get(
    struct policy_cache *cache, uint32_t slot, uint64_t hash);

#endif
