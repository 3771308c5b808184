/*
 * quarantine -- what is kept of a session that has killed two workers at one position
 *
 * One file per session, named by its id, mode 0600, in a folder that only the supervisor's user
 * can write; the newest QUARANTINE_KEPT stay.  Content, little endian: struct quarantine_header,
 * struct slot_custody, struct record (zeros without a valid one), then the input.  A session whose
 * input may hold credentials (RECORD_SECRET) leaves no input; from a line on that begins with AUTH,
 * what base64 is written with is replaced by 'x'.
 *
 * The slot's worker is dead and reaped.  Supervisor only.
 */
#ifndef SUPERVISOR_QUARANTINE_H
#define SUPERVISOR_QUARANTINE_H

#include "shm/region.h"

#define QUARANTINE_MAGIC     0x3141525551475353ull /* "SSGQURA1" */
#define QUARANTINE_INPUT     4096u
#define QUARANTINE_KEPT	     64
#define QUARANTINE_NAME_SIZE 32

struct quarantine_header {
	uint64_t magic;
	uint64_t session_id;
	uint64_t position; /* input position of the first byte kept */
	uint32_t direction;
	uint32_t custody_size;
	uint32_t record_size;
	uint32_t input_size;
};

/* The mark of the slot's custody names direction and position; `input_end` is how far the kernel
 * has given that input away. The length of the name written to `name`, or -errno. */
int quarantine_write(const struct shm *shm, int directory, uint32_t slot, uint64_t input_end,
    char *name, size_t name_size);

#endif
