/*
 * extension_table -- the service extensions the core knows (RFC 5321 4.1.1.1)
 */
#ifndef INSPECT_EXTENSION_TABLE_H
#define INSPECT_EXTENSION_TABLE_H

#include <stddef.h>
#include <stdint.h>

enum inspect_extension {
#define EXTENSION(identifier, keyword, word, shown) EXTENSION_##identifier,
#include "worker/inspect/extension_table.def"
#undef EXTENSION
	EXTENSION_UNKNOWN, /* also the number of known ones */
};

#define EXTENSION_PERMITTED ((unsigned)EXTENSION_BURL) /* those below a policy may show */

/* The extension of that keyword, in either case of letters. */
unsigned extension_table_find(const void *keyword, size_t length);
/* The policy bits that are set in the factory. */
uint64_t extension_table_defaults(void);

#endif
