/*
 * track -- the file by which VRRP's priority follows the role
 *
 * keepalived reads it (track_file, weight 1) whenever it is replaced; it is replaced as a whole.  It does
 * not outlive a boot, so it is not synced to disk.  0 or -errno.  Called by sync only.
 */
#ifndef DAEMON_SYNC_TRACK_H
#define DAEMON_SYNC_TRACK_H

#include <stdint.h>

#define TRACK_FILE "track"

int track_write(int directory, int32_t value);

#endif
