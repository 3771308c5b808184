/*
 * key -- the secret that both hosts of a pair share
 *
 * A file of 64 hexadecimal digits (32 bytes) and a line end, nothing else: it can be carried to the
 * other host by hand, and one that was cut short is seen.  Only its owner, and at most its group, may
 * read it.  `smtpguardctl failover key generate` makes it; sync reads it.
 *
 * 0 or -errno, and then `why` says what is wrong with the file (-EPERM: its mode or owner; -EBADMSG:
 * what stands in it).  The caller wipes the key.
 */
#ifndef DAEMON_SYNC_KEY_H
#define DAEMON_SYNC_KEY_H

#include <stdint.h>

#define KEY_SIZE    32u
#define KEY_WHY_MAX 96u

/* From a descriptor, so that who may open the file need not be who reads it. */
int key_read(int fd, uint8_t ret_key[KEY_SIZE], char why[KEY_WHY_MAX]);
/* -EEXIST: there is a file; it is left as it is. */
int key_generate(const char *path, char why[KEY_WHY_MAX]);

#endif
