#include "tests/tools/credentials.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define PASSWORD_WORDS 8u /* of 16 digits, and up to as many less */

void
credentials_make(
    const struct oracle_key *key, const char *mark, struct credentials *ret_credentials)
{
	uint64_t random = key->seed ^ ((uint64_t)key->connection << 32 | key->message) ^ 0x5a51u;
	unsigned words = 1 + (unsigned)(oracle_random(&random) % PASSWORD_WORDS);
	char text[ORACLE_KEY_TEXT];

	oracle_key_print(key, text);
	snprintf(ret_credentials->user, sizeof(ret_credentials->user), "u-%s%.16s", text, mark);
	for (unsigned i = 0; i < words; i++)
		snprintf(
		    ret_credentials->password + i * 16, 17, "%016" PRIx64, oracle_random(&random));
}

bool
credentials_hold(const struct credentials *credentials, struct oracle_key *ret_key)
{
	const size_t length = ORACLE_KEY_TEXT - 2;
	struct credentials own;

	if (strlen(credentials->user) < 2 + length || memcmp(credentials->user, "u-", 2) != 0 ||
	    !oracle_key_parse(credentials->user + 2, length, ret_key))
		return false;
	credentials_make(ret_key, credentials->user + 2 + length, &own);
	return strcmp(own.user, credentials->user) == 0 &&
	       strcmp(own.password, credentials->password) == 0;
}

static void
encode(const char *bytes, size_t length, char *line)
{
	EVP_EncodeBlock((unsigned char *)line, (const unsigned char *)bytes, (int)length);
}

void
credentials_encode(const char *text, char *line)
{
	encode(text, strlen(text), line);
}

void
credentials_plain(const struct credentials *credentials, char *line)
{
	char bytes[CREDENTIALS_USER + CREDENTIALS_PASSWORD];
	size_t user = strlen(credentials->user), password = strlen(credentials->password);

	bytes[0] = '\0';
	memcpy(bytes + 1, credentials->user, user + 1);
	memcpy(bytes + user + 2, credentials->password, password);
	encode(bytes, user + password + 2, line);
}

/* The octets, and a NUL behind them; -1: not base64, or more than `size`. */
static int
decode(const char *line, size_t length, char *bytes, size_t size)
{
	unsigned pads = 0;
	int count;

	if (length % 4 != 0 || length / 4 * 3 >= size)
		return -1;
	while (pads < 2 && pads < length && line[length - 1 - pads] == '=')
		pads++;
	count = EVP_DecodeBlock((unsigned char *)bytes, (const unsigned char *)line, (int)length);
	if (count < (int)pads)
		return -1;
	bytes[count - (int)pads] = '\0';
	return count - (int)pads;
}

bool
credentials_decode(const char *line, size_t length, char *text, size_t size)
{
	int count = decode(line, length, text, size);

	return count >= 0 && strlen(text) == (size_t)count;
}

bool
credentials_decode_plain(const char *line, size_t length, struct credentials *ret_credentials)
{
	char bytes[CREDENTIALS_LINE];
	int count = decode(line, length, bytes, sizeof(bytes));
	size_t user, password;

	if (count < 2 || bytes[0] != '\0')
		return false;
	user = strlen(bytes + 1);
	if (user + 2 > (size_t)count || user >= sizeof(ret_credentials->user))
		return false;
	password = strlen(bytes + user + 2);
	if (user + 2 + password != (size_t)count || password >= sizeof(ret_credentials->password))
		return false;
	memcpy(ret_credentials->user, bytes + 1, user + 1);
	memcpy(ret_credentials->password, bytes + user + 2, password + 1);
	return true;
}
