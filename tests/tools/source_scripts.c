#include "tests/tools/source_scripts.h"

#include "tests/tools/source_auth.h"
#include "tests/tools/source_pool.h"
#include "tests/tools/source_steps.h"

#include <string.h>

#define BANNER                                                                                     \
	{                                                                                          \
		"banner", step_banner, NULL, UNTIL_ANSWERED                                        \
	}
#define EHLO                                                                                       \
	{                                                                                          \
		"ehlo", step_ehlo, NULL, UNTIL_ANSWERED                                            \
	}
#define DUE                                                                                        \
	{                                                                                          \
		"pace", step_due, NULL, UNTIL_DUE                                                  \
	}
#define ENVELOPE                                                                                   \
	{                                                                                          \
		"envelope", step_envelope, step_more_envelope, UNTIL_ANSWERED                      \
	}
#define BODY                                                                                       \
	{                                                                                          \
		"body", step_body, NULL, UNTIL_ANSWERED                                            \
	}
#define MESSAGE ENVELOPE, BODY
#define SECURE                                                                                     \
	{"starttls", step_starttls, NULL, UNTIL_ANSWERED},                                         \
	    {"handshake", step_handshake, NULL, UNTIL_TLS}, EHLO
#define LEAVE                                                                                      \
	{"quit", step_quit, NULL, UNTIL_ANSWERED}, {"leave", step_nothing, NULL, UNTIL_CLOSED},    \
	{                                                                                          \
		NULL, NULL, NULL, 0                                                                \
	}
#define HOLD(kinds)                                                                                \
	{                                                                                          \
		"hold", step_nothing, NULL, UNTIL_RELEASED | STEP_HOLDS | (kinds)                  \
	}

static const struct source_step script_load[] = {BANNER, EHLO, DUE, MESSAGE, LEAVE};
static const struct source_step script_load_tls[] = {BANNER, EHLO, SECURE, DUE, MESSAGE, LEAVE};
static const struct source_step script_banner[] = {
    {"banner", step_banner, NULL, UNTIL_ANSWERED | UNTIL_RELEASED | STEP_HOLDS | STEP_SERVER}, EHLO,
    MESSAGE, LEAVE};
static const struct source_step script_commands[] = {
    BANNER, EHLO, HOLD(UNTIL_ANSWERED | STEP_PINGS), MESSAGE, LEAVE};
static const struct source_step script_envelope[] = {BANNER, EHLO,
    {"envelope", step_envelope_pipelined, NULL,
	UNTIL_ANSWERED | UNTIL_RELEASED | STEP_HOLDS | STEP_SERVER},
    BODY, LEAVE};
static const struct source_step script_envelope_part[] = {BANNER, EHLO,
    {"envelope", step_envelope_part, NULL,
	UNTIL_WRITTEN | UNTIL_RELEASED | STEP_HOLDS | STEP_SERVER},
    {"envelope", step_envelope_rest, NULL, UNTIL_ANSWERED}, BODY, LEAVE};
static const struct source_step script_data[] = {BANNER, EHLO, ENVELOPE,
    {"body", step_body_stops, NULL, UNTIL_ANSWERED | UNTIL_RELEASED | STEP_HOLDS}, LEAVE};
static const struct source_step script_final[] = {BANNER, EHLO, ENVELOPE,
    {"body", step_body, NULL, UNTIL_ANSWERED | UNTIL_RELEASED | STEP_HOLDS | STEP_SERVER}, LEAVE};
static const struct source_step script_tls_data[] = {BANNER, EHLO, SECURE, ENVELOPE,
    {"body", step_body_stops, NULL, UNTIL_ANSWERED | UNTIL_RELEASED | STEP_HOLDS}, LEAVE};
static const struct source_step script_tls_commands[] = {
    BANNER, EHLO, SECURE, HOLD(UNTIL_ANSWERED | STEP_PINGS), MESSAGE, LEAVE};
static const struct source_step script_idle[] = {BANNER, EHLO, MESSAGE, HOLD(0), LEAVE};
static const struct source_step script_half_client_quit[] = {BANNER, EHLO, ENVELOPE,
    {"body", step_body, NULL, UNTIL_WRITTEN}, {"quit", step_quit, NULL, UNTIL_WRITTEN},
    {"half", step_shutdown, NULL,
	UNTIL_ANSWERED | UNTIL_CLOSED | UNTIL_RELEASED | STEP_HOLDS | STEP_SERVER},
    {NULL, NULL, NULL, 0}};
static const struct source_step script_half_client[] = {BANNER, EHLO, ENVELOPE,
    {"body", step_body, NULL, UNTIL_WRITTEN},
    {"half", step_shutdown, NULL,
	UNTIL_ANSWERED | UNTIL_CLOSED | UNTIL_RELEASED | STEP_HOLDS | STEP_SERVER},
    {NULL, NULL, NULL, 0}};
static const struct source_step script_half_server_quit[] = {BANNER, EHLO, MESSAGE,
    {"quit", step_quit, NULL, UNTIL_ANSWERED}, {"leave", step_nothing, NULL, UNTIL_CLOSED}, HOLD(0),
    {NULL, NULL, NULL, 0}};
static const struct source_step script_half_server_tls[] = {BANNER, EHLO, SECURE,
    {"one way", step_one_way, NULL, UNTIL_WRITTEN}, ENVELOPE,
    {"one way", step_nothing, NULL, UNTIL_CLOSED},
    {"body", step_body_stops, NULL, UNTIL_WRITTEN | UNTIL_RELEASED | STEP_HOLDS},
    {NULL, NULL, NULL, 0}};
static const struct source_step script_urgent[] = {BANNER, EHLO,
    {"noop", step_noop_part, NULL, UNTIL_WRITTEN},
    {"urgent", step_noop_urgent, NULL, UNTIL_RELEASED | STEP_HOLDS},
    {"noop", step_noop_rest, NULL, UNTIL_ANSWERED}, MESSAGE, LEAVE};
static const struct source_step script_reset_client[] = {BANNER, EHLO, ENVELOPE,
    {"body", step_body_stops, NULL, UNTIL_ANSWERED | UNTIL_RELEASED | STEP_HOLDS}, LEAVE};
static const struct source_step script_reset_server[] = {BANNER, EHLO,
    {"mail", step_mail, NULL, UNTIL_ANSWERED},
    {"vanish", step_nothing, NULL, UNTIL_CLOSED | STEP_HOLDS | STEP_LENIENT},
    {NULL, NULL, NULL, 0}};

#define HOLD_BODY(begin)                                                                           \
	{                                                                                          \
		"body", begin, NULL, UNTIL_ANSWERED | UNTIL_RELEASED | STEP_HOLDS                  \
	}

static const struct source_step script_bdat[] = {
    BANNER, EHLO, ENVELOPE, HOLD_BODY(step_body_inside), LEAVE};
static const struct source_step script_bdat_between[] = {
    BANNER, EHLO, ENVELOPE, HOLD_BODY(step_body_between), LEAVE};
static const struct source_step script_auth_login_user[] = {BANNER, EHLO,
    {"auth", step_auth_login, NULL, UNTIL_ANSWERED}, HOLD(0),
    {"user", step_auth_user, NULL, UNTIL_ANSWERED},
    {"password", step_auth_password, NULL, UNTIL_ANSWERED}, MESSAGE, LEAVE};
static const struct source_step script_auth_login_password[] = {BANNER, EHLO,
    {"auth", step_auth_login, NULL, UNTIL_ANSWERED}, {"user", step_auth_user, NULL, UNTIL_ANSWERED},
    {"password", step_auth_password_part, NULL, UNTIL_WRITTEN | UNTIL_RELEASED | STEP_HOLDS},
    {"password", step_auth_password_rest, NULL, UNTIL_ANSWERED}, MESSAGE, LEAVE};
static const struct source_step script_auth_plain[] = {BANNER, EHLO,
    {"auth", step_auth_plain, NULL, UNTIL_ANSWERED}, HOLD(0),
    {"response", step_auth_response, NULL, UNTIL_ANSWERED}, MESSAGE, LEAVE};
static const struct source_step script_auth_plain_part[] = {BANNER, EHLO,
    {"auth", step_auth_plain, NULL, UNTIL_ANSWERED},
    {"response", step_auth_response_part, NULL, UNTIL_WRITTEN | UNTIL_RELEASED | STEP_HOLDS},
    {"response", step_auth_response_rest, NULL, UNTIL_ANSWERED}, MESSAGE, LEAVE};
static const struct source_step script_auth_plain_initial[] = {BANNER, EHLO,
    {"auth", step_auth_initial_part, NULL, UNTIL_WRITTEN | UNTIL_RELEASED | STEP_HOLDS},
    {"auth", step_auth_initial_rest, NULL, UNTIL_ANSWERED}, MESSAGE, LEAVE};
static const struct source_step script_auth_reply[] = {BANNER, EHLO,
    {"auth", step_auth_initial, NULL, UNTIL_ANSWERED | UNTIL_RELEASED | STEP_HOLDS | STEP_SERVER},
    MESSAGE, LEAVE};
static const struct source_step script_auth_reply_login[] = {BANNER, EHLO,
    {"auth", step_auth_login, NULL, UNTIL_ANSWERED}, {"user", step_auth_user, NULL, UNTIL_ANSWERED},
    {"password", step_auth_password, NULL,
	UNTIL_ANSWERED | UNTIL_RELEASED | STEP_HOLDS | STEP_SERVER},
    MESSAGE, LEAVE};
static const struct source_step script_refused_data_quit[] = {BANNER, EHLO, ENVELOPE,
    HOLD_BODY(step_body_refused), {"after refusal", step_last_quit, NULL, UNTIL_ANSWERED},
    {"leave", step_nothing, NULL, UNTIL_CLOSED}, {NULL, NULL, NULL, 0}};
static const struct source_step script_refused_data[] = {BANNER, EHLO, ENVELOPE,
    HOLD_BODY(step_body_refused), {"after refusal", step_last_noop, NULL, UNTIL_ANSWERED},
    {"leave", step_nothing, NULL, UNTIL_CLOSED}, {NULL, NULL, NULL, 0}};
static const struct source_step script_refused_bdat[] = {
    BANNER, EHLO, ENVELOPE, HOLD_BODY(step_body_refused), MESSAGE, LEAVE};
static const struct source_step script_refused_rset[] = {BANNER, EHLO, MESSAGE,
    {"envelope", step_envelope_pipelined, NULL,
	UNTIL_ANSWERED | UNTIL_RELEASED | STEP_HOLDS | STEP_SERVER},
    BODY, LEAVE};

#define SCRIPTS_MOST 3u

static const struct {
	const char *name;
	bool holds_body;
	bool chunked;
	const struct source_step *script[SCRIPTS_MOST]; /* up to the first NULL */
} phases[PHASES] = {
    [PHASE_LOAD] = {"load", false, false, {script_load}},
    [PHASE_BANNER] = {"banner", false, false, {script_banner}},
    [PHASE_COMMANDS] = {"commands", false, false, {script_commands}},
    [PHASE_ENVELOPE] = {"envelope", false, false, {script_envelope, script_envelope_part}},
    [PHASE_DATA] = {"data", true, false, {script_data}},
    [PHASE_FINAL] = {"final", false, false, {script_final}},
    [PHASE_TLS] = {"tls", false, false, {script_tls_data, script_tls_commands}},
    [PHASE_IDLE] = {"idle", false, false, {script_idle}},
    [PHASE_HALF_CLIENT] = {"half-client", false, false,
	{script_half_client_quit, script_half_client}},
    [PHASE_HALF_SERVER] = {"half-server", false, false,
	{script_half_server_quit, script_half_server_tls}},
    [PHASE_URGENT] = {"urgent", false, false, {script_urgent}},
    [PHASE_RESET_CLIENT] = {"reset-client", true, false, {script_reset_client}},
    [PHASE_RESET_SERVER] = {"reset-server", false, false, {script_reset_server}},
    [PHASE_BDAT] = {"bdat", true, true, {script_bdat}},
    [PHASE_BDAT_BETWEEN] = {"bdat-between", true, true, {script_bdat_between}},
    [PHASE_BDAT_BINARY] = {"bdat-binary", true, true, {script_bdat}},
    [PHASE_BDAT_LAST] = {"bdat-last", false, true, {script_final}},
    [PHASE_AUTH_LOGIN] = {"auth-login", false, false,
	{script_auth_login_user, script_auth_login_password}},
    [PHASE_AUTH_PLAIN] = {"auth-plain", false, false,
	{script_auth_plain, script_auth_plain_part, script_auth_plain_initial}},
    [PHASE_AUTH_REPLY] = {"auth-reply", false, false, {script_auth_reply, script_auth_reply_login}},
    [PHASE_REFUSED_DATA] = {"refused-data", false, false,
	{script_refused_data_quit, script_refused_data}},
    [PHASE_REFUSED_BDAT] = {"refused-bdat", false, true, {script_refused_bdat}},
    [PHASE_REFUSED_RSET] = {"refused-rset", false, true, {script_refused_rset}},
};

const char *
source_phase_name(unsigned phase)
{
	return phase < PHASES ? phases[phase].name : "?";
}

bool
source_phase_holds_body(unsigned phase)
{
	return phases[phase].holds_body;
}

bool
source_phase_is_chunked(unsigned phase)
{
	return phases[phase].chunked;
}

const struct source_step *
source_script(unsigned phase, unsigned variant)
{
	unsigned count = 1;

	if (phase == PHASE_LOAD && source_options.tls)
		return script_load_tls;
	while (count < SCRIPTS_MOST && phases[phase].script[count] != NULL)
		count++;
	return phases[phase].script[variant % count];
}

const struct source_step *
source_step_leave(void)
{
	static const struct source_step leave[] = {LEAVE};

	return leave;
}

/* The load goes round from the end of a message to the next one. */
static bool
load_goes_on(struct source_session *session)
{
	return session->phase == PHASE_LOAD && strcmp(session->step->name, "body") == 0 &&
	       (source_options.per_connection == 0 ||
		   session->messages < source_options.per_connection) &&
	       source_pool_message();
}

const struct source_step *
source_step_next(struct source_session *session)
{
	const struct source_step *next = session->step + 1;

	if (session->refused) {
		session->refused = false;
		return source_step_leave();
	}
	if (load_goes_on(session))
		next = session->step - 2;
	return next->name != NULL ? next : NULL;
}
