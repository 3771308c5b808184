/*
 * admission -- whether the configured limits leave room for one connection more
 *
 * Asked are the limits of the static, and those of the class whose limits hold for the client
 * (classify.h), each against its own count (tally.h); of two limits of one kind the lower one speaks.
 * 0 is no limit.  The client is told 421 4.7.0, the log 201010 to 201013 as the ASA does: the first
 * time, and then once in an interval while it goes on; 109033 says how many times it was not told.
 *
 * Half-open connections are the kernel's: its backlog is set (LISTENER_BACKLOG) and not counted.
 *
 * Supervisor only.
 */
#ifndef SUPERVISOR_ADMISSION_H
#define SUPERVISOR_ADMISSION_H

#include "daemon/supervisor/spell.h"
#include "shm/layout.h"

#define ADMISSION_EVENT_MS  1000u
#define ADMISSION_CLIENT_MS 10000u /* 201012, as the ASA does */
#define ADMISSION_OVER_MS   10000u

enum admission {
	ADMISSION_GRANTED,
	ADMISSION_CONNECTIONS, /* conn-max */
	ADMISSION_CLIENT,      /* per-client-max */
	ADMISSION_EMBRYONIC,   /* embryonic-conn-max */
	ADMISSION_CLIENT_EMBRYONIC,
	ADMISSIONS,
};

struct supervisor;

/* `listener`: index of the one that has accepted; limits_class: as classify() says.  What is refused
 * is counted and told here. */
enum admission admission_ask(struct supervisor *supervisor, uint32_t listener,
    uint16_t limits_class, const struct shm_endpoint *client);
/* What the client is told; ends with CRLF. */
const char *admission_reply(enum admission admission);
/* Tells of what is over. */
void admission_tick(struct supervisor *supervisor);

#endif
