/*
 * sink_session -- one connection to mailsink
 *
 * What a session is told to do comes from its listener's profile and from marks in the addresses
 * of the envelope ("+MARK" in the local part):
 *	+hold-mail	the replies to MAIL and all after it wait for `release mail`
 *	+hold-final	the reply to the final dot, or to the last chunk, waits for `release final`
 *	+hold-rset	the reply to RSET in this transaction waits for `release rset`
 *	+reset		the connection is reset by the command `reset`
 *	+half		after 354 the sink shuts its sending side down and goes on receiving
 *	+reject		the message is refused with 554
 * A user whose name ends in "+hold" waits for `release auth`.
 */
#ifndef TESTS_TOOLS_SINK_SESSION_H
#define TESTS_TOOLS_SINK_SESSION_H

#include "tests/tools/buffer.h"
#include "tests/tools/credentials.h"
#include "tests/tools/loop.h"
#include "tests/tools/sink_message.h"
#include "tests/tools/transport.h"

#define SINK_HOLD_EVER	 UINT32_MAX
#define SINK_REPLY_LATER 128u

struct sink_profile {
	uint32_t banner_ms; /* delays; SINK_HOLD_EVER: until released */
	uint32_t mail_ms;
	uint32_t final_ms;
};

enum sink_hold {
	HOLD_NONE,
	HOLD_BANNER,
	HOLD_MAIL,
	HOLD_FINAL,
	HOLD_AUTH,
	HOLD_RSET,
	HOLD_KINDS,
};
enum sink_state { SINK_COMMANDS, SINK_DATA, SINK_CHUNK, SINK_HANDSHAKE, SINK_LEAVING };
enum sink_auth { AUTH_NONE, AUTH_PLAIN, AUTH_USER, AUTH_PASSWORD }; /* what is awaited */

struct sink_session {
	struct sink_session *next, *previous;
	struct loop_watch watch;
	struct loop_timer timer;
	struct transport transport;
	const struct sink_profile *profile;
	struct buffer input;
	struct buffer output;
	unsigned long number;
	enum sink_state state;
	enum sink_hold hold;
	bool ended;    /* the client's FIN was read */
	bool shut;     /* our sending side is shut down */
	bool quitting; /* 221 was answered */
	bool starting_tls;
	bool marked_reset, marked_half, marked_reject, marked_hold_final, marked_hold_rset;
	bool authenticated;
	bool has_sender;
	bool has_key;
	unsigned recipients;
	struct oracle_key key; /* of the envelope */
	char sender[128];
	struct sink_message *message; /* from its first byte until it is answered or given up */
	bool final_due;		      /* complete; the reply waits */
	uint64_t chunk_left;	      /* while in a chunk */
	bool chunk_last;
	bool chunk_wanted; /* it belongs to a transaction; else it is swallowed and refused */
	enum sink_auth auth;
	struct credentials credentials;
	char reply_later[SINK_REPLY_LATER]; /* when what is held goes on; "" none */
};

struct sink_figures {
	uint64_t sessions, open, messages, ok, differs, foreign, partial, rejected, bytes;
	uint64_t resets, unexpected_resets, violations, tls, authenticated;
	uint64_t cut; /* of the violations: TLS without its own end */
	uint64_t held[HOLD_KINDS];
	uint64_t marked;
};

struct sink_options {
	bool quiet;
	const char *save; /* folder for the content of messages, NULL: not kept */
};

extern struct sink_figures sink_figures;
extern struct sink_options sink_options;

void sink_session_open(int fd, const struct sink_profile *profile);
unsigned sink_release(enum sink_hold hold); /* HOLD_NONE: every kind. How many. */
unsigned sink_reset_marked(unsigned most);
void sink_close_all(void);

/* For what a session does: */
void sink_reply_hold(struct sink_session *session, enum sink_hold hold, uint32_t delay_ms);
/* This reply is given when what is held goes on. */
void sink_reply_later(struct sink_session *session, enum sink_hold hold, const char *reply);
void sink_violation(struct sink_session *session, const char *what);

#endif
