/*
 * sync_entry_decode -- one entry of the log between the two hosts of a pair, from its bytes
 *
 * The standby's sync decodes each entry of a batch when it stores it.  An entry of at most
 * SYNC_ENTRY_MAX bytes is unpacked into the decoder's own memory, and each field is checked
 * (sync_check.h); what is refused has a name.  Pure.
 *
 * What is decoded lies in the decoder, and is good until its next use.  It may be credentials:
 * sync_entry_wipe() zeroes it.
 */
#ifndef PROTO_SYNC_ENTRY_DECODE_H
#define PROTO_SYNC_ENTRY_DECODE_H

#include "proto/sync_reason.h"
#include "proto/sync_types.h"

struct sync_entry_decoder;

/* NULL: no memory. */
struct sync_entry_decoder *sync_entry_decoder_create(void);
void sync_entry_decoder_destroy(struct sync_entry_decoder *decoder);

enum sync_reason sync_entry_decode(struct sync_entry_decoder *decoder, const uint8_t *bytes,
    size_t length, struct sync_entry *ret_entry);
void sync_entry_wipe(struct sync_entry_decoder *decoder);

#endif
