/*
 * completion_tag -- what a completion of the ring is about, in its 64 bits of user data
 *
 * A tag names the operation, the leg, the slot and the slot's generation.  The generation keeps a
 * completion that comes late from being taken for one of the slot's next session.
 * Pure; called by the worker only.
 */
#ifndef WORKER_COMPLETION_TAG_H
#define WORKER_COMPLETION_TAG_H

#include <stdint.h>

enum completion_operation {
	COMPLETION_NONE, /* nobody waits for it */
	COMPLETION_READ,
	COMPLETION_POLL,
	COMPLETION_SEND,
	COMPLETION_CANCEL,
	COMPLETION_HANDOVER_POLL, /* the hand-over socket is readable: no slot */
	COMPLETION_HANDOVER_SEND, /* a packet of requests has left: no slot */
	COMPLETION_RELEASE,	  /* sync has something to say: no slot */
	COMPLETION_SUPERVISOR,	  /* the supervisor `generation` has ended: no slot */
};

#define COMPLETION_SLOT_MAX 0xffffffu

struct completion_tag {
	enum completion_operation operation;
	unsigned leg;
	uint32_t slot; /* at most COMPLETION_SLOT_MAX */
	uint32_t generation;
};

static inline uint64_t
completion_tag_pack(struct completion_tag tag)
{
	return (uint64_t)tag.generation << 32 | (uint64_t)(tag.slot & COMPLETION_SLOT_MAX) << 8 |
	       (uint64_t)(tag.leg & 1) << 7 | ((uint64_t)tag.operation & 0x7f);
}

static inline struct completion_tag
completion_tag_unpack(uint64_t packed)
{
	return (struct completion_tag){
	    .operation = (enum completion_operation)(packed & 0x7f),
	    .leg = (unsigned)(packed >> 7) & 1,
	    .slot = (uint32_t)(packed >> 8) & COMPLETION_SLOT_MAX,
	    .generation = (uint32_t)(packed >> 32),
	};
}

#endif
