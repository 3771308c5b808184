/*
 * source_auth -- steps of scripts that authenticate (RFC 4954)
 */
#ifndef TESTS_TOOLS_SOURCE_AUTH_H
#define TESTS_TOOLS_SOURCE_AUTH_H

struct source_session;

/* With whole lines, or with the first half of one and, later, its rest. */
void step_auth_login(struct source_session *session);
void step_auth_user(struct source_session *session);
void step_auth_password(struct source_session *session);
void step_auth_password_part(struct source_session *session);
void step_auth_password_rest(struct source_session *session);
void step_auth_plain(struct source_session *session);
void step_auth_response(struct source_session *session);
void step_auth_response_part(struct source_session *session);
void step_auth_response_rest(struct source_session *session);
void step_auth_initial(struct source_session *session);
void step_auth_initial_part(struct source_session *session);
void step_auth_initial_rest(struct source_session *session);

#endif
