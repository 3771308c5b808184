/*
 * sync_check -- whether a message or an entry is one that may be sent or taken
 *
 * The same checks at both ends: what an encoder refuses no decoder would have taken.  They look at
 * each field by itself and at the fields of one message; whether it has a place in the conversation
 * is the channel's to say.  Pure.
 */
#ifndef PROTO_SYNC_CHECK_H
#define PROTO_SYNC_CHECK_H

#include "proto/sync_reason.h"
#include "proto/sync_types.h"

enum sync_reason sync_check_message(const struct sync_message *message);
enum sync_reason sync_check_entry(const struct sync_entry *entry);

/* A host's name: letters, digits, '.', '-', '_', 1 to SYNC_NAME_MAX. */
bool sync_name_is_valid(const char *name);

#endif
