/*
 * output -- builds struct inspect_output within its bounds
 *
 * One builder lives for one step.  Neighbouring edits of one kind are merged.  What would go to a
 * leg that has ended is dropped, so callers need not ask.  Callers ask output_has_room() before an
 * action that makes up to OUTPUT_ACTION edits toward a leg; after that nothing here can fail.
 */
#ifndef INSPECT_OUTPUT_H
#define INSPECT_OUTPUT_H

#include "worker/inspect/state.h"

#define OUTPUT_ACTION_EDITS 4u	  /* toward one leg, by one action */
#define OUTPUT_ACTION_TEXT  7168u /* octets of text by one action */
#define OUTPUT_NOTE_MAX	    45u
#define OUTPUT_REPORTS	    3u /* events and notes by one action */
#define OUTPUT_RULE_TEXT    150u /* octets of text in the event of a rule, one of each by one action */

enum output_who { NOTE_GATEWAY, NOTE_CLIENT, NOTE_SERVER };

struct builder {
	struct inspect *state;
	const struct inspect_policy *policy;
	const struct inspect_input *input;
	struct inspect_output *out;
	unsigned used[INSPECT_LEGS];
	uint64_t now_ms;
	bool touched;	 /* the deadline starts anew */
	uint8_t refusal; /* the rule for which content is refused; RULE_NONE */
};

void output_begin(struct builder *build, struct inspect *state, const struct inspect_policy *policy,
    const struct inspect_input *input, struct inspect_output *out);
/* Copies phase, endings, deadline and so on from the state. */
void output_finish(struct builder *build);

bool output_has_room(const struct builder *build);
/* Bytes of the input not yet consumed. */
const uint8_t *output_rest(const struct builder *build, size_t *length);
void output_keep(struct builder *build, size_t length);
void output_drop(struct builder *build, size_t length);
void output_insert(struct builder *build, enum inspect_leg to, const char *text, size_t length);
/* Takes back the last octets given to the server, all that are held: hold_revoke() calls it. */
void output_revoke(struct builder *build, uint32_t length);

/* Adds text; returns its offset. */
uint32_t output_text(struct builder *build, const char *text, size_t length);
/* The event to be filled, with no texts; never NULL. */
struct inspect_event *output_event(struct builder *build, uint32_t id);
/* Text `index` of an event: printable, cut to `limit`. */
void output_event_text(struct builder *build, struct inspect_event *event, unsigned index,
    const void *text, size_t length, size_t limit);
/* A line for the trail, made printable and cut to OUTPUT_NOTE_MAX. */
void output_note(
    struct builder *build, enum output_who who, unsigned code, const void *text, size_t length);

/* The length of a string constant. */
#define OUTPUT_TEXT(text) (text), (sizeof(text) - 1)

#endif
