#include "daemon/policy/builtin_map.h"

#include <stddef.h>
#include <string.h>

#define PIX_WORKAROUNDS                                                                            \
	"by the masked banner Postfix takes it for a PIX: HELO for EHLO, 10 s of waiting before "  \
	"the dot"
#define NO_ESMTP "no EHLO, so no TLS, AUTH, SIZE or 8BITMIME"

static const char *const asa[] = {
    "mask-banner", "no mail-relay", "no special-character", "no allow-tls", NULL};
static const char *const fixup[] = {"mask-banner", "no allow-tls", NULL};

static const struct builtin_map maps[] = {
    {"_default_esmtp_map", "Default ESMTP policy-map", INSPECT_COMPAT_NONE, NULL, NULL},
    {"_compat_asa", "As the ASA's _default_esmtp_map", INSPECT_COMPAT_ASA,
	PIX_WORKAROUNDS "; STARTTLS and so TLS is taken away; refusals are silent", asa},
    {"_compat_fixup_5_1", "As fixup protocol smtp of PIX 5.1 and later", INSPECT_COMPAT_FIXUP_5_1,
	NO_ESMTP "; " PIX_WORKAROUNDS, fixup},
    {"_compat_fixup_4_4", "As fixup protocol smtp of PIX 4.4", INSPECT_COMPAT_FIXUP_4_4,
	NO_ESMTP "; refused commands are answered OK", fixup},
    {"_compat_mailhost_4_0", "As mailhost of PIX 4.0 and 4.1", INSPECT_COMPAT_MAILHOST_4_0,
	NO_ESMTP "; refused commands are answered OK", fixup},
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
