#include "daemon/policy/builtin_map.h"

#include <stddef.h>
#include <string.h>

#define HARM_BANNER                                                                                \
	"harmful: a banner of asterisks makes Postfix send HELO, without TLS, and wait before "    \
	"the dot"
#define HARM_SEVEN "harmful: no EHLO, so no TLS, no AUTH, no SIZE, no 8BITMIME"

static const char *const asa[] = {
    "mask-banner", "no mail-relay", "no special-character", "no allow-tls", NULL};
static const char *const fixup[] = {"mask-banner", "no allow-tls", NULL};

static const struct builtin_map maps[] = {
    {"_default_esmtp_map", "Default ESMTP policy-map", INSPECT_COMPAT_NONE, NULL, NULL},
    {"_compat_asa", "Default ESMTP policy-map", INSPECT_COMPAT_ASA,
	HARM_BANNER "; STARTTLS is taken away; refusals are silent", asa},
    {"_compat_fixup_5_1", "fixup protocol smtp, PIX 5.1 and later", INSPECT_COMPAT_FIXUP_5_1,
	HARM_SEVEN "; " HARM_BANNER, fixup},
    {"_compat_fixup_4_4", "fixup protocol smtp, PIX 4.4", INSPECT_COMPAT_FIXUP_4_4,
	HARM_SEVEN "; blocked commands are answered OK", fixup},
    {"_compat_mailhost_4_0", "mailhost, PIX 4.0 and 4.1", INSPECT_COMPAT_MAILHOST_4_0,
	HARM_SEVEN "; blocked commands are answered OK", fixup},
};

const struct builtin_map *
builtin_map_at(unsigned index)
{
	return index < sizeof(maps) / sizeof(maps[0]) ? &maps[index] : NULL;
}

const struct builtin_map *
builtin_map_find(const char *name)
{
	for (unsigned i = 0; builtin_map_at(i) != NULL; i++) {
		if (strcmp(maps[i].name, name) == 0)
			return &maps[i];
	}
	return NULL;
}
