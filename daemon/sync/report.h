/*
 * report -- what sync has to tell, as events, and the same not all the time
 *
 * Called by sync only.
 */
#ifndef DAEMON_SYNC_REPORT_H
#define DAEMON_SYNC_REPORT_H

#include "shm/event_ring.h"

#define REPORT_TEXT_MAX 160u
#define REPORT_AGAIN_US 60000000u /* the same may be told again */

#define REPORT_LINK                                                                                \
	"sync" /* what joins the two hosts, as the events of the ASA name an interface */

#define REPORT_TEXTS 4u /* of one kind, which may alternate */

/* What was told last of one kind. */
struct report {
	struct {
		uint64_t told_us; /* 0: nothing */
		char words[REPORT_TEXT_MAX];
	} text[REPORT_TEXTS];
};

/* Whether it is to be told now; it is noted as told then. */
bool report_is_new(struct report *report, uint64_t now_us, const char *text);
void report_forget(struct report *report);

/* Texts may be NULL from some one on. */
void report_tell(
    struct event_ring *ring, uint32_t id, const char *text0, const char *text1, uint64_t number0);
void report_tell_of(
    struct event_ring *ring, uint32_t id, const struct shm_endpoint *client, const char *text0);

#endif
