/*
 * sync_entry_encode -- one entry of the log between the two hosts of a pair, to its bytes
 *
 * The active's sync encodes an entry once and keeps the bytes until they are acknowledged.  What
 * would be refused at the other end (sync_check.h) is not encoded.  Pure.
 */
#ifndef PROTO_SYNC_ENTRY_ENCODE_H
#define PROTO_SYNC_ENTRY_ENCODE_H

#include "proto/sync_reason.h"
#include "proto/sync_types.h"

/* SYNC_BAD_ENTRY_LENGTH: above `size`, or SYNC_ENTRY_MAX. */
enum sync_reason sync_entry_encode(
    const struct sync_entry *entry, uint8_t *buffer, size_t size, size_t *ret_length);

#endif
