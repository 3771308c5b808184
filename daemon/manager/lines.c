#include "daemon/manager/lines.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

void
lines_init(struct lines *lines)
{
	*lines = (struct lines){0};
}

void
lines_free(struct lines *lines)
{
	for (size_t i = 0; i < lines->count; i++)
		free(lines->line[i]);
	free(lines->line);
	lines_init(lines);
}

static bool
grow(struct lines *lines)
{
	if (lines->count < lines->room)
		return true;
	size_t room = lines->room == 0 ? 64 : lines->room * 2;
	char **line = realloc(lines->line, room * sizeof(*line));
	if (line == NULL)
		return false;
	lines->line = line;
	lines->room = room;
	return true;
}

bool
lines_add(struct lines *lines, const char *text)
{
	size_t length = strlen(text);

	if (length > LINES_LENGTH_MAX || strpbrk(text, "\r\n") != NULL ||
	    lines->count == LINES_MAX || lines->bytes + length + 1 > LINES_BYTES_MAX ||
	    !grow(lines)) {
		lines->overflow = true;
		return false;
	}
	char *copy = strdup(text);
	if (copy == NULL) {
		lines->overflow = true;
		return false;
	}
	lines->line[lines->count++] = copy;
	lines->bytes += length + 1;
	return true;
}

bool
lines_split(struct lines *lines, char *text)
{
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n")) != NULL)
		if ((rest != NULL || line[0] != '\0') && !lines_add(lines, line))
			return false;
	return true;
}

bool
lines_digest(const struct lines *lines, unsigned char digest[LINES_DIGEST_SIZE])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good = context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;

	for (size_t i = 0; good && i < lines->count; i++)
		good = EVP_DigestUpdate(context, lines->line[i], strlen(lines->line[i])) == 1 &&
		       EVP_DigestUpdate(context, "\n", 1) == 1;
	good = good && EVP_DigestFinal_ex(context, digest, NULL) == 1;
	EVP_MD_CTX_free(context);
	return good;
}

void
lines_digest_hex(const unsigned char digest[LINES_DIGEST_SIZE], char hex[65])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < LINES_DIGEST_SIZE; i++) {
		hex[2 * i] = digits[digest[i] >> 4];
		hex[2 * i + 1] = digits[digest[i] & 15];
	}
	hex[64] = '\0';
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
lines_digest_unhex(const char *hex, unsigned char ret_digest[LINES_DIGEST_SIZE])
{
	for (size_t i = 0; i < LINES_DIGEST_SIZE; i++) {
		int high = digit(hex[2 * i]), low = high < 0 ? -1 : digit(hex[2 * i + 1]);

		if (low < 0)
			return false;
		ret_digest[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}
