/*
 * pair_file -- a configuration text on its way between the hosts of a pair, as a file
 *
 * Manager and sync hand each other these files in the state folder: the manager lays out what the other
 * host is to have, sync what has come from there.  Files, since the one who reads may be started anew at
 * any time, and the one who wrote it may be gone by then; and not the manager's own files, which say more
 * than the other host is to be told, and less by when.  That there is a new one is said in shared memory
 * (shm/pair_texts.h), after it was put in its place.
 *
 * Text: lines, each with '\n' behind it.  It is put in place whole, by rename, and not synced: what has
 * to outlive the host stands in startup-config.  A digest finds what does not hold.
 *
 * All calls take a descriptor of the folder (O_PATH will do).  Errors: 0 or -errno; -EBADMSG: the file
 * does not hold.  Called by manager and sync.
 */
#ifndef DAEMON_PAIR_FILE_H
#define DAEMON_PAIR_FILE_H

#include "shm/pair_texts.h"

#include <stddef.h>

#define PAIR_FILE_MAX	    (1u << 20) /* bytes of text */
#define PAIR_FILE_SAVED_MAX 32u	       /* with its NUL */
#define PAIR_FILE_BY_MAX    64u	       /* likewise */

enum pair_file_way { PAIR_FILE_OUT, PAIR_FILE_IN };

struct pair_file {
	uint8_t digest[PAIR_DIGEST_SIZE]; /* SHA-256 of the text */
	uint64_t epoch;			  /* startup: in which it was saved */
	uint32_t serial;		  /* likewise: its number */
	uint32_t is_live; /* running: the host runs by it, and does not only ask about it */
	uint32_t length;
	uint32_t is_erased;  /* not running: there is none, or none any more */
	uint64_t expires_ms; /* confirm: when it is gone back to, in this host's gateway time */
	uint8_t
	    base[PAIR_DIGEST_SIZE]; /* candidate: of the running configuration that it began with */
	char saved[PAIR_FILE_SAVED_MAX];
	char by[PAIR_FILE_BY_MAX];
};

/* file->digest and file->length are filled in. -EFBIG: longer than PAIR_FILE_MAX. */
int pair_file_write(int directory, enum pair_file_way way, enum pair_text_kind kind,
    struct pair_file *file, const uint8_t *text, size_t length);
/* *ret_text: heap, with a NUL behind it. */
int pair_file_read(int directory, enum pair_file_way way, enum pair_text_kind kind,
    struct pair_file *ret_file, uint8_t **ret_text);

#endif
