#include "tests/tools/source_auth.h"

#include "tests/tools/credentials.h"
#include "tests/tools/source_scripts.h"
#include "tests/tools/source_session.h"

#include <string.h>

/* The mark by which the sink holds its answer back. */
static struct credentials
credentials_of(const struct source_session *session)
{
	struct oracle_key key = source_session_key(session);
	struct credentials credentials;

	credentials_make(&key, session->phase == PHASE_AUTH_REPLY ? "+hold" : "", &credentials);
	return credentials;
}

enum line_part { LINE_WHOLE, LINE_PART, LINE_REST };

/* A line, or its first half, or what is left of it then. */
static void
send_line(struct source_session *session, enum line_part part, const char *verb, const char *line)
{
	size_t half = strlen(line) / 2;

	if (part != LINE_REST)
		source_send_text(session, verb);
	if (part == LINE_PART)
		source_send(session, line, half);
	else
		source_send_text(session, part == LINE_REST ? line + half : line);
	if (part != LINE_PART)
		source_send_text(session, "\r\n");
}

static void
send_password(struct source_session *session, enum line_part part)
{
	struct credentials credentials = credentials_of(session);
	char line[CREDENTIALS_LINE];

	credentials_encode(credentials.password, line);
	send_line(session, part, "", line);
	if (part != LINE_PART)
		source_expect(session, EXPECT_AUTH);
}

static void
send_response(struct source_session *session, enum line_part part, const char *verb)
{
	struct credentials credentials = credentials_of(session);
	char line[CREDENTIALS_LINE];

	credentials_plain(&credentials, line);
	send_line(session, part, verb, line);
	if (part != LINE_PART)
		source_expect(session, EXPECT_AUTH);
}

void
step_auth_login(struct source_session *session)
{
	source_send_text(session, "AUTH LOGIN\r\n");
	source_expect(session, EXPECT_CHALLENGE);
}

void
step_auth_user(struct source_session *session)
{
	struct credentials credentials = credentials_of(session);
	char line[CREDENTIALS_LINE];

	credentials_encode(credentials.user, line);
	send_line(session, LINE_WHOLE, "", line);
	source_expect(session, EXPECT_CHALLENGE);
}

void
step_auth_password(struct source_session *session)
{
	send_password(session, LINE_WHOLE);
}

void
step_auth_password_part(struct source_session *session)
{
	send_password(session, LINE_PART);
}

void
step_auth_password_rest(struct source_session *session)
{
	send_password(session, LINE_REST);
}

void
step_auth_plain(struct source_session *session)
{
	source_send_text(session, "AUTH PLAIN\r\n");
	source_expect(session, EXPECT_CHALLENGE);
}

void
step_auth_response(struct source_session *session)
{
	send_response(session, LINE_WHOLE, "");
}

void
step_auth_response_part(struct source_session *session)
{
	send_response(session, LINE_PART, "");
}

void
step_auth_response_rest(struct source_session *session)
{
	send_response(session, LINE_REST, "");
}

void
step_auth_initial(struct source_session *session)
{
	send_response(session, LINE_WHOLE, "AUTH PLAIN ");
}

void
step_auth_initial_part(struct source_session *session)
{
	send_response(session, LINE_PART, "AUTH PLAIN ");
}

void
step_auth_initial_rest(struct source_session *session)
{
	send_response(session, LINE_REST, "AUTH PLAIN ");
}
