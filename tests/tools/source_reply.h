/*
 * source_reply -- is this the reply that the session must get?
 *
 * By code, and towards mailsink by text.  A message that offends must be refused with the very
 * words of --refusal, and by nobody but the policy.
 */
#ifndef TESTS_TOOLS_SOURCE_REPLY_H
#define TESTS_TOOLS_SOURCE_REPLY_H

#include "tests/tools/reply.h"

struct source_session;

enum source_expected {
	EXPECT_BANNER,
	EXPECT_EHLO,
	EXPECT_MAIL,
	EXPECT_RCPT,
	EXPECT_DATA,
	EXPECT_CHUNK, /* not the last one */
	EXPECT_FINAL, /* to the final dot or the last chunk */
	EXPECT_NOOP,
	EXPECT_STARTTLS,
	EXPECT_CHALLENGE,
	EXPECT_AUTH,
	EXPECT_QUIT,
	EXPECT_LAST_WORDS, /* of the gateway to any command but QUIT after content was refused */
	EXPECT_BYE,	   /* ... to QUIT */
	EXPECT_KINDS,
};

const char *source_expected_name(unsigned expected);

/* Takes the reply to what is expected first. */
void source_reply_take(struct source_session *session, const struct reply *reply);

#endif
