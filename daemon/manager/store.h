/*
 * store -- the saved configuration in the state directory
 *
 * startup-config is a libconfig text (schema, serial, epoch, saved, by, checksum, lines).  It is
 * written to a temporary file, synced, and put in place by rename; the directory is synced.  The
 * one before becomes startup-config.1, and so on to .10.  At every instant startup-config is
 * either the old or the new one, whole.
 *
 * running-config is the manager's own note of a running configuration that is not saved, so that
 * the manager's death loses no change.  It is not synced: it need not outlive the host.  `tag` ties
 * it to the shared memory in which that configuration was applied.
 *
 * The same form, by store_put(), have the candidate, what an unconfirmed commit goes back to, and what
 * commits have replaced (candidate.h, confirm.h, committed.h).
 *
 * All calls take a descriptor of the directory (O_PATH will do).  Errors: 0 or -errno; -EBADMSG: a
 * file that does not hold, with the reason in `why`.  Called by the manager only.
 */
#ifndef DAEMON_MANAGER_STORE_H
#define DAEMON_MANAGER_STORE_H

#include "daemon/manager/lines.h"

#include <stdint.h>

#define STORE_HISTORY	10
#define STORE_STARTUP	"startup-config"
#define STORE_RUNNING	"running-config"
#define STORE_FILE_MAX	(8u << 20)
#define STORE_NAME_MAX	32
#define STORE_BY_MAX	64
#define STORE_SAVED_MAX 32
#define STORE_WHY_MAX	160

struct store_entry {
	uint32_t serial; /* rises with each save */
	uint32_t epoch;
	uint64_t tag;	     /* of running-config; 0 in startup-config */
	uint64_t expires_ms; /* confirm.h: gateway time; else 0 */
	bool has_base;	     /* candidate.h; else false */
	unsigned char base[LINES_DIGEST_SIZE];
	char saved[STORE_SAVED_MAX];
	char by[STORE_BY_MAX];
	unsigned char digest[LINES_DIGEST_SIZE];
	struct lines lines; /* store_entry_free() */
};

void store_entry_free(struct store_entry *entry);

/* Reads and checks one file of the directory. -ENOENT: there is none. */
int store_read(int directory, const char *name, struct store_entry *ret_entry, char *why);

/*
 * Finds what to start from: startup-config, or, when that is damaged, the newest good one of the
 * history.  name[] says which; damaged[] and why[] (STORE_WHY_MAX) what was wrong with
 * startup-config, "" when nothing was.  -ENOENT: never saved (or erased).  -EBADMSG: damaged, and
 * no good one in the history.
 */
int store_load(int directory, struct store_entry *ret_entry, char name[STORE_NAME_MAX], char *why);

/* Saves lines as startup-config with the next serial and that epoch of a pair (0: none), or a higher one
 * that was saved before; ret_entry (without lines) says what was written, *ret_bytes the size of the
 * file. */
int store_save(int directory, const struct lines *lines, const char *by, uint64_t epoch,
    struct store_entry *ret_entry, size_t *ret_bytes);
/* Saves what another host has saved, as it is. -EALREADY: what is here is the same, or has a higher epoch,
 * or serial in the same one. */
int store_take(int directory, struct store_entry *entry);
/* startup-config goes to the history; -ENOENT: there was none. */
int store_erase(int directory);

int store_keep_running(int directory, const struct lines *lines, uint64_t tag);

/* Fills in who, when, and the digest of the lines. -EOVERFLOW, -ENOMEM. */
int store_stamp(struct store_entry *entry, const struct lines *lines, const char *by);
/* The entry, its lines excepted, with those lines as a file of that name, whole or not at all.  `sync`: it
 * outlives the host's sudden end. */
int store_put(int directory, const char *name, const struct store_entry *entry,
    const struct lines *lines, bool sync);
/* It need not be there. */
int store_remove(int directory, const char *name);

#endif
