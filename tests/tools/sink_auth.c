#include "tests/tools/sink_auth.h"

#include <string.h>
#include <strings.h>

static void
judge(struct sink_session *session)
{
	const struct credentials *credentials = &session->credentials;
	char reply[SINK_REPLY_LATER];
	struct oracle_key key;

	if (!credentials_hold(credentials, &key)) {
		sink_violation(session, "altered credentials");
		buffer_print(&session->output, "535 5.7.8 These are not the credentials sent\r\n");
		return;
	}
	session->authenticated = true;
	sink_figures.authenticated++;
	snprintf(reply, sizeof(reply), "235 2.7.0 Known %s\r\n", credentials->user);
	if (strstr(credentials->user, "+hold") != NULL)
		sink_reply_later(session, HOLD_AUTH, reply);
	else
		buffer_print(&session->output, "%s", reply);
}

static void
refuse(struct sink_session *session)
{
	sink_violation(session, "a response that cannot be decoded");
	buffer_print(&session->output, "501 5.5.2 Cannot decode\r\n");
}

void
sink_auth_line(struct sink_session *session, const char *line, size_t length)
{
	enum sink_auth step = session->auth;
	struct credentials *credentials = &session->credentials;
	bool good;

	session->auth = AUTH_NONE;
	if (step == AUTH_PLAIN)
		good = credentials_decode_plain(line, length, credentials);
	else if (step == AUTH_USER)
		good =
		    credentials_decode(line, length, credentials->user, sizeof(credentials->user));
	else
		good = credentials_decode(
		    line, length, credentials->password, sizeof(credentials->password));
	if (!good) {
		refuse(session);
	} else if (step == AUTH_USER) {
		session->auth = AUTH_PASSWORD;
		buffer_print(&session->output, "334 UGFzc3dvcmQ6\r\n");
	} else {
		judge(session);
	}
}

void
sink_auth_begin(struct sink_session *session, const char *argument, size_t length)
{
	if (session->authenticated || session->has_sender) {
		sink_violation(session, "AUTH out of order");
		buffer_print(&session->output, "503 5.5.1 Not now\r\n");
	} else if (length == 6 && strncasecmp(argument, " LOGIN", 6) == 0) {
		session->auth = AUTH_USER;
		buffer_print(&session->output, "334 VXNlcm5hbWU6\r\n");
	} else if (length == 6 && strncasecmp(argument, " PLAIN", 6) == 0) {
		session->auth = AUTH_PLAIN;
		buffer_print(&session->output, "334 \r\n");
	} else if (length > 7 && strncasecmp(argument, " PLAIN ", 7) == 0) {
		session->auth = AUTH_PLAIN;
		sink_auth_line(session, argument + 7, length - 7);
	} else {
		buffer_print(&session->output, "504 5.5.4 Only PLAIN and LOGIN\r\n");
	}
}
