/*
 * layout -- what lies in shared memory, and how large it is
 *
 * Five sealed memfds, parted by who may write them:
 *
 *   control   supervisor and sync: processes, custody of the slots, what may leave, pair, door
 *   policy    manager: compiled policies, the listener tables, requests to sync
 *   sessions  workers, and sync on a standby: records, windows, trails, chunks, journals
 *   counters  every process, each its own block
 *   events    every process, each its own ring; the ring of closed sessions
 *
 * Everything is found by offset and index, never by pointer, so that another process, a later
 * build and another host can read it.  A region begins with struct shm_header; a reader refuses
 * a region whose header does not fit its own build (magic, ABI major, sizes).  Every word that
 * another process wrote is hostile: bounds first, then use.
 *
 * libc only; called by every process of the gateway.
 */
#ifndef SHM_LAYOUT_H
#define SHM_LAYOUT_H

#include <stdatomic.h>
#include <stdint.h>

#define SHM_MAGIC     0x44524755475f4753ull /* "SG_GUGRD", little endian */
#define SHM_ABI_MAJOR 4
#define SHM_ABI_MINOR 0

#define SHM_CACHE_LINE	      64
#define SHM_WORKERS_MAX	      64
#define SHM_WRITERS_MAX	      (SHM_WORKERS_MAX + 3) /* the workers and the three below */
#define SHM_WRITER_SUPERVISOR SHM_WORKERS_MAX
#define SHM_WRITER_MANAGER    (SHM_WORKERS_MAX + 1)
#define SHM_WRITER_SYNC	      (SHM_WORKERS_MAX + 2)

#define SHM_CHUNK_SIZE 65536u
/* A direction holds at most 768 KiB: what the peer has not acknowledged and what the standby lacks, and beside
 * it, in a pair, room for all that the kernel may have (SHM_UNREAD_MAX). */
#define SHM_WINDOW_CHUNKS 12u
/* SO_RCVBUF of a leg in a pair.  The kernel doubles it for what it accounts itself, so a buffer holds
 * less than twice as much, and one segment that begins below that. */
#define SHM_RECEIVE_BUFFER 131072u
#define SHM_UNREAD_MAX	   (2u * SHM_RECEIVE_BUFFER + 65536u)
/* So much of a window is read in a pair.  The rest is for that, and for what the kernels of hosts that take over accept
 * of a leg that is narrow (struct leg_tcp), though its chunks begin elsewhere on another host. */
#define SHM_READ_MAX (SHM_WINDOW_CHUNKS * SHM_CHUNK_SIZE - SHM_UNREAD_MAX - SHM_CHUNK_SIZE)
#define SHM_NO_CHUNK UINT32_MAX
#define SHM_NO_SLOT  UINT32_MAX

/* The two legs of a session; also the two directions: what leg L sends is direction L. */
enum shm_leg { SHM_CLIENT = 0, SHM_SERVER = 1, SHM_LEGS = 2 };

enum shm_region {
	SHM_CONTROL,
	SHM_POLICY,
	SHM_SESSIONS,
	SHM_COUNTERS,
	SHM_EVENTS,
	SHM_REGIONS,
};

struct shm_header {
	uint64_t magic;
	uint16_t abi_major;
	uint16_t abi_minor;
	uint32_t region; /* enum shm_region */
	uint64_t size;	 /* of the whole memfd, bytes */
	uint64_t epoch;	 /* of the pair; 0 standalone */
	uint32_t slots;
	uint32_t chunks;
	uint32_t workers;     /* configured; at most SHM_WORKERS_MAX */
	uint32_t record_size; /* sizeof(struct record): part of the ABI */
	uint8_t reserved[80];
};
_Static_assert(sizeof(struct shm_header) == 128, "header is part of the ABI");

/* An address and port; IPv4 stands in the first four bytes.  Port in host order. */
struct shm_endpoint {
	uint8_t family; /* 0 none, 4, 6 */
	uint8_t reserved;
	uint16_t port;
	uint8_t address[16];
};
_Static_assert(sizeof(struct shm_endpoint) == 20, "endpoint is part of the ABI");

#endif
