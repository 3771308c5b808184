#include "worker/inspect/extension_table.h"

#include "worker/inspect/command_table.h"
#include "worker/inspect/policy.h"

enum { SHOW, HIDE, NEVER };

static const struct {
	const char *keyword;
	const char *word;
	uint8_t length;
	uint8_t word_length;
	uint8_t shown;
} extensions[] = {
#define EXTENSION(identifier, keyword, word, shown)                                                \
	{keyword, word, sizeof(keyword) - 1, sizeof(word) - 1, shown},
#include "worker/inspect/extension_table.def"
#undef EXTENSION
};

_Static_assert(EXTENSION_UNKNOWN <= 64, "a policy has 64 bits for extensions");

unsigned
extension_table_find(const void *keyword, size_t length)
{
	for (unsigned i = 0; i < EXTENSION_UNKNOWN; i++)
		if (extensions[i].length == length &&
		    ascii_equal(extensions[i].keyword, keyword, length))
			return i;
	return EXTENSION_UNKNOWN;
}

uint64_t
extension_table_defaults(void)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < EXTENSION_PERMITTED; i++)
		if (extensions[i].shown == SHOW)
			bits |= UINT64_C(1) << i;
	return bits;
}

const char *
inspect_extension_name(unsigned extension)
{
	return extension < EXTENSION_PERMITTED ? extensions[extension].keyword : NULL;
}

const char *
inspect_extension_word(unsigned extension)
{
	return extension < EXTENSION_PERMITTED ? extensions[extension].word : NULL;
}

unsigned
inspect_extension_find(const char *name, size_t length)
{
	unsigned extension = extension_table_find(name, length);

	for (unsigned i = 0; extension == EXTENSION_UNKNOWN && i < EXTENSION_PERMITTED; i++)
		if (extensions[i].word_length == length &&
		    ascii_equal(extensions[i].word, name, length))
			extension = i;
	return extension < EXTENSION_PERMITTED ? extension : EXTENSION_PERMITTED;
}
