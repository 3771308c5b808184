/*
 * observer -- a second, naive reading of both sides, to judge the core by
 *
 * Shares nothing with the core.  It is shown what the server is sent, what the server's bytes that
 * the core has consumed said, and what the client is sent, in that order of events, and knows:
 *   - the server gets commands as whole CRLF lines without NUL, bare CR or bare LF, and nothing
 *     behind DATA or STARTTLS before their reply (RFC 2920 3.1, RFC 3207)
 *   - content has only CRLF line ends and no NUL, ends only where the client's own bytes hold a
 *     legal end of data (RFC 5321 4.1.1.4), and is the client's content line by line
 *   - content in chunks is what chunks.h says, never behind a MAIL's end or beside DATA, and the
 *     server's leg is not ended with FIN within a chunk
 *   - no RCPT and no BDAT without a MAIL that is under way or accepted
 *   - the client gets well-formed replies, while the server is there never more than it has asked for
 * The first violation is kept in `failure`.
 */
#ifndef TESTS_DIALOGUE_OBSERVER_H
#define TESTS_DIALOGUE_OBSERVER_H

#include "tests/dialogue/chunks.h"
#include "tests/dialogue/visible.h"
#include "worker/inspect/inspect.h"

#include <stdbool.h>
#include <stdint.h>

#define OBSERVER_QUEUE 4096u

enum observer_state { OBSERVE_COMMAND, OBSERVE_SASL, OBSERVE_CONTENT, OBSERVE_OPAQUE };
enum observer_mail { MAIL_NONE, MAIL_SENT, MAIL_ACCEPTED, MAIL_UNKNOWN };

enum observer_kind {
	OBSERVED_OTHER,
	OBSERVED_MAIL,
	OBSERVED_RCPT,
	OBSERVED_DATA,
	OBSERVED_CLEARING, /* RSET, HELO, EHLO */
	OBSERVED_STARTTLS,
	OBSERVED_AUTH,
	OBSERVED_SASL,	  /* a line of an AUTH exchange */
	OBSERVED_CHUNK,	  /* BDAT, not the last */
	OBSERVED_CONTENT, /* the end of data, or the last BDAT */
};

struct observer_command {
	uint8_t kind;	     /* enum observer_kind */
	unsigned generation; /* of the transaction it belongs to */
};

struct observer {
	const struct inspect_policy *policy;
	bool off; /* not inspecting, or the server's replies cannot be followed any more */
	enum observer_state state;
	enum observer_mail mail;
	unsigned generation;
	struct observer_command queue[OBSERVER_QUEUE];
	size_t head, tail;
	bool greeted;
	struct visible command; /* the server's unfinished input line */
	struct visible reply;	/* the server's unfinished reply line */
	struct visible answer;	/* the client's unfinished reply line */
	unsigned continued;	/* code of an unfinished multi-line reply to the client, 0 none */
	struct visible content; /* as the server got it */
	size_t content_start;	/* in the client's bytes */
	struct chunks chunks;
	size_t asked, answers; /* of the client: lines and ends of data, and the replies to it */
	unsigned messages;     /* ends of data the server saw */
	char failure[256];
};

void observer_init(
    struct observer *observer, const struct inspect_policy *policy, enum inspect_mode mode);
void observer_done(struct observer *observer);
/* Bytes of the server that the core has consumed; so far it has consumed `client` of the client. */
void observer_server_said(
    struct observer *observer, const uint8_t *bytes, size_t length, size_t client);
/* Bytes to the server; `client` is all that the client has sent and the core has consumed. */
void observer_server_gets(struct observer *observer, const uint8_t *bytes, size_t length,
    const uint8_t *client, size_t client_length);
/* Bytes of the client that the core has consumed, before what becomes of them. */
void observer_client_said(struct observer *observer, const uint8_t *bytes, size_t length);
void observer_client_gets(struct observer *observer, const uint8_t *bytes, size_t length);
/* The leg to the client ended with FIN: no reply may be left half said. */
void observer_client_ends(struct observer *observer);
/* The leg to the server ended with FIN. */
void observer_server_ends(struct observer *observer);
/* A step is done, and the server's leg is open. */
void observer_step(struct observer *observer);

#endif
