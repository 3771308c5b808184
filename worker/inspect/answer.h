/*
 * answer -- commands that the gateway answers itself, each in its turn
 */
#ifndef INSPECT_ANSWER_H
#define INSPECT_ANSWER_H

#include "worker/inspect/output.h"
#include "worker/inspect/own_reply.h"

/* Puts a refusal (or other answer) of the gateway into the ledger, with its event and note; gives it
 * at once if nothing is outstanding.  `line` is the command as it came, for the event. Beyond
 * errors-max it becomes the 421 that ends the session. */
void answer_refuse(
    struct builder *build, unsigned verb, enum own_reply reply, const uint8_t *line, size_t length);
/* The same for a rule that has said its event itself; `rule` is its index. */
void answer_rule(struct builder *build, unsigned verb, enum own_reply reply, uint8_t rule);
/* monitor-only: the event that the line would have been refused. */
void answer_monitor(
    struct builder *build, enum own_reply reply, const uint8_t *line, size_t length);
/* Content is refused because of `reply`: event and note; the reply itself comes later. */
void answer_refuse_content(struct builder *build, enum own_reply reply);
/* Gives what the gateway owes at the head of the ledger, and ends the legs if all is said. */
void answer_pending(struct builder *build);

#endif
