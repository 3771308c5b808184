/*
 * epoch -- which of the two hosts is the active one, as numbers that only rise
 *
 * Each takeover begins an epoch.  A host that hears of a higher one than its own is stale.  An epoch
 * belongs to one host by construction: hosts have sides, 0 and 1, and raise only to numbers of their
 * own side (even, odd), so that two hosts that cannot hear each other never begin the same one.
 *
 * STATE_DIR/epoch holds the highest one that this host has begun or followed:
 *
 *	smtpguard epoch 1
 *	epoch 12
 *	base 9
 *	check 0123456789abcdef
 *
 * It is replaced as a whole: temporary file, fsync, rename, fsync of the folder.  A file that does not
 * hold is named and refused, never taken for 0: who has forgotten the epoch must not begin one.
 * Missing is 0, the first start.  What is written never goes back.
 *
 * `base` is the epoch at which the pair was last synced.  VRRP priority follows `epoch - base`, which
 * stays small because each new sync sets it to 0 on both hosts.
 *
 * Called by sync only.  Errors: 0 or -errno, with the reason in `why` (EPOCH_WHY_MAX).
 */
#ifndef DAEMON_SYNC_EPOCH_H
#define DAEMON_SYNC_EPOCH_H

#include "daemon/settings.h"

#include <stdbool.h>
#include <stdint.h>

#define EPOCH_FILE    SETTINGS_EPOCH_FILE
#define EPOCH_WHY_MAX 160
/* No host counts so far; a higher number is damage or an attack, and would leave no room to rise. */
#define EPOCH_MAX (1ull << 48)

struct epoch {
	uint64_t number; /* 0: none was ever begun */
	uint64_t base;	 /* at most number */
};

/* Pure.  Which side raised it; the next one of this side above it, 0 when there is no room. */
unsigned epoch_side(uint64_t number);
uint64_t epoch_next(uint64_t above, unsigned side);

/* The value of keepalived's track_file (weight 1): number - base, at most EPOCH_TRACK_MAX, so that the
 * sum with the priority stays below VRRP's 254.  Below -253 keepalived goes to FAULT and gives the
 * address up: EPOCH_TRACK_UNFIT, for a host that must not have it while the other may. */
#define EPOCH_TRACK_MAX	  100
#define EPOCH_TRACK_UNFIT (-254)
int32_t epoch_track_value(const struct epoch *epoch);

/* -ENOENT: there is none, *ret_epoch is 0.  -EBADMSG: it does not hold. */
int epoch_read(int directory, struct epoch *ret_epoch, char *why);
/* -ESTALE: a higher one is there.  -EBADMSG: what is there does not hold; it is left as it is. */
int epoch_write(int directory, const struct epoch *epoch, char *why);

#endif
