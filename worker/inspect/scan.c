#include "worker/inspect/scan.h"

#include <string.h>

#define BLOCK 64u

/* Whether a line begins at the octet that is next. */
struct progress {
	bool at_line;
};

/* ---- in words of 64 bits ---- */

/* Bit i is set if octet i of the word is zero; exact, nothing is borrowed between octets. */
static inline uint64_t
zero_octets(uint64_t word)
{
	const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f);
	uint64_t high = ~(((word & low) + low) | word | low);

	return (high >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

static inline uint64_t
equal_portable(const uint8_t *at, uint8_t byte)
{
	uint64_t wanted = UINT64_C(0x0101010101010101) * byte, mask = 0, word;

	for (unsigned i = 0; i < BLOCK / 8; i++) {
		memcpy(&word, at + 8 * i, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		word = __builtin_bswap64(word);
#endif
		mask |= zero_octets(word ^ wanted) << (8 * i);
	}
	return mask;
}

#define WAY(name) portable_##name
#define WAY_TARGET
#define EQUAL(at, byte) equal_portable(at, byte)
#include "worker/inspect/scan_ways.def"
#undef WAY
#undef WAY_TARGET
#undef EQUAL

#if defined(__x86_64__)

/* ---- in vectors ---- */

typedef char vector16 __attribute__((vector_size(16)));
typedef char vector32 __attribute__((vector_size(32)));

static inline uint64_t
equal_sse2(const uint8_t *at, uint8_t byte)
{
	uint64_t mask = 0;
	vector16 octets;

	for (unsigned i = 0; i < BLOCK / 16; i++) {
		memcpy(&octets, at + 16 * i, sizeof(octets));
		octets = octets == (char)byte;
		mask |= (uint64_t)(uint16_t)__builtin_ia32_pmovmskb128(octets) << (16 * i);
	}
	return mask;
}

__attribute__((target("avx2"))) static inline uint64_t
equal_avx2(const uint8_t *at, uint8_t byte)
{
	uint64_t mask = 0;
	vector32 octets;

	for (unsigned i = 0; i < BLOCK / 32; i++) {
		memcpy(&octets, at + 32 * i, sizeof(octets));
		octets = octets == (char)byte;
		mask |= (uint64_t)(uint32_t)__builtin_ia32_pmovmskb256(octets) << (32 * i);
	}
	return mask;
}

#define WAY(name) sse2_##name
#define WAY_TARGET
#define EQUAL(at, byte) equal_sse2(at, byte)
#include "worker/inspect/scan_ways.def"
#undef WAY
#undef WAY_TARGET
#undef EQUAL

#define WAY(name)	avx2_##name
#define WAY_TARGET	__attribute__((target("avx2")))
#define EQUAL(at, byte) equal_avx2(at, byte)
#include "worker/inspect/scan_ways.def"
#undef WAY
#undef WAY_TARGET
#undef EQUAL

#define CHOOSE(how, name, ...)                                                                     \
	((how) == INSPECT_SCAN_AVX2	 ? avx2_##name(__VA_ARGS__)                                \
	    : (how) == INSPECT_SCAN_SSE2 ? sse2_##name(__VA_ARGS__)                                \
					 : portable_##name(__VA_ARGS__))

enum inspect_scan
inspect_scan_best(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx2") ? INSPECT_SCAN_AVX2 : INSPECT_SCAN_SSE2;
}

#else

#define CHOOSE(how, name, ...) ((void)(how), portable_##name(__VA_ARGS__))

enum inspect_scan
inspect_scan_best(void)
{
	return INSPECT_SCAN_PORTABLE;
}

#endif

/* ---- octet by octet: the ends, and what the blocks have found ---- */

static bool
is_strange(const uint8_t *text, size_t length, size_t i, bool line)
{
	switch (text[i]) {
	case '\0':
		return true;
	case '.':
		return line;
	case '\r':
		return i + 1 == length || text[i + 1] != '\n';
	case '\n':
		return i == 0 || text[i - 1] != '\r';
	default:
		return false;
	}
}

size_t
scan_clean(enum inspect_scan how, const uint8_t *text, size_t length, bool at_line)
{
	struct progress progress = {.at_line = at_line};
	size_t i = CHOOSE(how, clean, text, length, &progress);
	bool line = progress.at_line;

	for (; i < length && !is_strange(text, length, i, line); i++)
		line = text[i] == '\n';
	/* An LF that is not strange goes with its CR. */
	return i;
}

size_t
scan_long_line(
    enum inspect_scan how, const uint8_t *text, size_t length, uint32_t *column, uint32_t limit)
{
	size_t i = 0;

	while (i < length) {
		i += CHOOSE(how, long_line, text + i, length - i, column, limit);
		/* To the end of this line, then by blocks again. */
		for (bool end = false; i < length && !end; i++) {
			end = text[i] == '\n';
			if (end) {
				*column = 0;
				continue;
			}
			if (limit < UINT32_MAX && *column >= limit &&
			    (text[i] != '\r' || *column > limit))
				return i;
			*column += *column < UINT32_MAX;
		}
	}
	return length;
}

size_t
scan_line_start(
    enum inspect_scan how, const uint8_t *text, size_t length, bool at_line, uint8_t byte)
{
	struct progress progress = {.at_line = at_line};
	size_t i = CHOOSE(how, line_start, text, length, &progress, byte);
	bool line = progress.at_line;

	while (i < length && !(line && text[i] == byte)) {
		line = text[i] == '\n' || text[i] == '\r';
		i++;
	}
	return i;
}
