/*
 * ending -- how legs end: what is said before it, the reason, and the deadlines that cause it
 */
#ifndef INSPECT_ENDING_H
#define INSPECT_ENDING_H

#include "worker/inspect/output.h"
#include "worker/inspect/own_reply.h"

/* Ends one leg, if it is still open.  When both are, the session is over. */
void ending_leg(struct builder *build, enum inspect_leg leg, enum inspect_ending how);
/* Ends both; the first reason given to a session stays. */
void ending_both(struct builder *build, enum inspect_ending how, enum inspect_reason reason);
/* Says `reply` to the client (unless it cannot take one now) and ends both legs; a message whose
 * end of data is not answered is reported as lost first, content under way is cut off. */
void ending_with(struct builder *build, enum own_reply reply, enum inspect_reason reason);

/* The client, or the server, has broken the protocol: event, words, end. `what` is for the log. */
void ending_client_violation(struct builder *build, const char *what, size_t length);
void ending_server_violation(struct builder *build, const char *what, size_t length);
/* The server leg is lost within content: the rest is dropped, and its end answered with `reply`;
 * OWN_NONE: it was answered. */
void ending_drain(struct builder *build, enum own_reply reply, enum inspect_ending how);

/* The peer's FIN was reached. */
void ending_client_end(struct builder *build);
void ending_server_end(struct builder *build);
/* All that is not bytes. */
void ending_signal(struct builder *build);

#endif
