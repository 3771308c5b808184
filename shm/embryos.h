/*
 * embryos -- connections of the active host that its clients may believe to stand
 *
 * In control.  On a standby sync writes each embryo that the active has told of (its SYN-ACK leaves only
 * then, daemon/gate/embryo.h) and drops it when its session is told; the supervisor makes connections of
 * those that are left when this host takes over.  One writer; whoever reads it while sync may write sees
 * entries of which one may be old: bounds first, and each entry for itself.
 *
 * An embryo that never becomes a session stays until it is the oldest of EMBRYO_MOST; `seen_ms` says
 * how old it is.  libc only.
 */
#ifndef SHM_EMBRYOS_H
#define SHM_EMBRYOS_H

#include "shm/layout.h"

#define EMBRYO_MOST 4096u /* power of two */

#define EMBRYO_NO_SCALE 0xffu

enum embryo_option { EMBRYO_SACK = 1 << 0, EMBRYO_TIMESTAMPS = 1 << 1 };

struct embryo {
	uint64_t number;		 /* of the active's gate, from 1 */
	uint64_t seen_ms;		 /* gateway time, when the standby was told */
	struct shm_endpoint local, peer; /* 20 octets each */
	uint32_t send_next;		 /* the sequence number behind our SYN */
	uint32_t receive_next;		 /* behind the client's */
	uint32_t timestamp;		 /* ours, with EMBRYO_TIMESTAMPS */
	uint32_t peer_timestamp;	 /* likewise, the client's */
	uint16_t segment_size;		 /* ours; 0: not said */
	uint16_t window;		 /* ours, not scaled */
	uint8_t window_scale;		 /* ours, or EMBRYO_NO_SCALE: neither has one */
	uint8_t options;		 /* enum embryo_option */
	uint8_t reserved[2];
};
_Static_assert(sizeof(struct embryo) == 80, "as it is read by others");

struct embryos {
	_Atomic uint32_t count; /* at most EMBRYO_MOST */
	uint8_t reserved[60];
	struct embryo entry[EMBRYO_MOST];
};

void embryos_add(struct embryos *embryos, const struct embryo *embryo);
/* Its session was told.  No error if there is none. */
void embryos_remove(
    struct embryos *embryos, const struct shm_endpoint *local, const struct shm_endpoint *peer);
void embryos_clear(struct embryos *embryos);

#endif
