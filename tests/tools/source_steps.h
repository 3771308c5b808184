/*
 * source_steps -- what a session does at the beginning of a step of its script
 *
 * Each adds to the session's output and says which replies it expects.
 */
#ifndef TESTS_TOOLS_SOURCE_STEPS_H
#define TESTS_TOOLS_SOURCE_STEPS_H

#include <stdbool.h>

struct source_session;

void step_nothing(struct source_session *session);
void step_banner(struct source_session *session);
void step_ehlo(struct source_session *session);
void step_due(struct source_session *session); /* until the pace of the run allows a message */
void step_starttls(struct source_session *session);
void step_handshake(struct source_session *session);

/* MAIL, RCPT..., and DATA unless the message comes in chunks: as the run pipelines, all at once, or
 * up to the middle of a RCPT and, later, the rest. */
void step_envelope(struct source_session *session);
bool step_more_envelope(struct source_session *session);
void step_envelope_pipelined(struct source_session *session);
void step_envelope_part(struct source_session *session);
void step_envelope_rest(struct source_session *session);
void step_mail(struct source_session *session);

void step_body(struct source_session *session);
/* Content that is held up to the release as its name says (enum source_body_plan). */
void step_body_stops(struct source_session *session);
void step_body_inside(struct source_session *session);
void step_body_between(struct source_session *session);
void step_body_refused(struct source_session *session);

void step_quit(struct source_session *session);
void step_shutdown(struct source_session *session);
/* After content was refused: what the gateway answers ends the session. */
void step_last_noop(struct source_session *session);
void step_last_quit(struct source_session *session);
void step_noop_part(struct source_session *session);
void step_noop_urgent(struct source_session *session);
void step_noop_rest(struct source_session *session);
void step_one_way(struct source_session *session);

#endif
