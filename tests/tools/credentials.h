/*
 * credentials -- what a session of mailsource authenticates with, made from its key, and base64
 *
 * The user is "u-KEY" and perhaps a mark; the password follows from the key alone, so that the
 * sink knows it without being told.  Both differ from session to session.
 */
#ifndef TESTS_TOOLS_CREDENTIALS_H
#define TESTS_TOOLS_CREDENTIALS_H

#include "tests/tools/oracle.h"

#define CREDENTIALS_USER     64u
#define CREDENTIALS_PASSWORD 200u
#define CREDENTIALS_LINE     600u /* "\0user\0password" in base64, and NUL */

struct credentials {
	char user[CREDENTIALS_USER];
	char password[CREDENTIALS_PASSWORD];
};

void credentials_make(
    const struct oracle_key *key, const char *mark, struct credentials *ret_credentials);
/* Are these the user's own?  *ret_key: whose they are. */
bool credentials_hold(const struct credentials *credentials, struct oracle_key *ret_key);

/* In base64; `line` has room for CREDENTIALS_LINE. */
void credentials_plain(const struct credentials *credentials, char *line);
void credentials_encode(const char *text, char *line);

/* Of a line, for a response of LOGIN and of PLAIN; false: not base64, or too long. */
bool credentials_decode(const char *line, size_t length, char *text, size_t size);
bool credentials_decode_plain(const char *line, size_t length, struct credentials *ret_credentials);

#endif
