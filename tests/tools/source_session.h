/*
 * source_session -- one connection of mailsource
 *
 * A session follows a script (source_scripts): steps that send something and wait for its answers.
 * It judges all that it sees: a reply out of place, with another code or (towards mailsink)
 * another text than expected, an early FIN, a RST, a silence past the deadline is a failure, told
 * on standard error with phase, step and age of the session.
 *
 * Silence: the time during which something was expected (a reply, room to write, the end of the
 * connection) and nothing came.  What the sink was told to hold back is not expected; the wait for
 * the greeting counts by itself, and that of the doomed not at all.
 *
 * Where the run says so, a session may be lost before it has received a byte, unless it is known to
 * be established; and one that is doomed at any time.  Such are counted apart.
 */
#ifndef TESTS_TOOLS_SOURCE_SESSION_H
#define TESTS_TOOLS_SOURCE_SESSION_H

#include "tests/tools/address.h"
#include "tests/tools/buffer.h"
#include "tests/tools/loop.h"
#include "tests/tools/oracle.h"
#include "tests/tools/source_body.h"
#include "tests/tools/source_reply.h"
#include "tests/tools/transport.h"

#include <stdbool.h>
#include <stdint.h>

#define SOURCE_EXPECTED_MAX 256u

struct source_session;

/* When a step is over: when all of these hold. */
enum {
	UNTIL_WRITTEN = 1,
	UNTIL_ANSWERED = 2,
	UNTIL_RELEASED = 4, /* by the command `go` */
	UNTIL_CLOSED = 8,   /* the peer has ended the connection */
	UNTIL_TLS = 16,	    /* the handshake is done */
	UNTIL_DUE = 32,	    /* the pace of the run allows the next message */
	STEP_HOLDS = 64,    /* sessions in this step are in their phase */
	STEP_SERVER = 128,  /* until `go` the sink holds its answer back */
	STEP_LENIENT = 256, /* the server is about to vanish: FIN, RST and 4yz are all right */
	STEP_PINGS = 512,   /* NOOPs while held, when the session is of the pinging kind */
};

struct source_step {
	const char *name;
	void (*begin)(struct source_session *session);
	bool (*more)(struct source_session *session); /* what it waited for came: is there more? */
	unsigned until;
};

/* How a session ends; it is taken away when the event that ended it has been dealt with. */
enum source_over {
	OVER_NOT,
	OVER_DONE,   /* as its script intended */
	OVER_FAILED, /* told already */
	OVER_BROKEN, /* left in the middle, on purpose */
	OVER_LOST,   /* ended by the other side, as one that must be expected to be */
};

enum source_message_state { MESSAGE_NONE, MESSAGE_ENVELOPE, MESSAGE_BODY, MESSAGE_SENT };

struct source_session {
	struct source_session *next, *previous;
	struct loop_watch watch;
	struct loop_timer timer;
	struct transport transport;
	struct buffer input;
	struct buffer output;
	uint32_t number;
	unsigned phase;
	unsigned variant; /* counts the sessions of a phase: scripts differ by it */
	const struct source_step *step;
	uint64_t opened_us;
	uint64_t random;

	enum source_over over;
	bool connected;
	bool begun;    /* the step's begin() was called */
	bool released; /* `go`, or the sink was first */
	bool ended;    /* the peer's FIN was read */
	bool secured;  /* TLS handshake done */
	bool urgent;   /* the last letter of the command was sent in the instant of the blow */
	bool refused;  /* the message is; the session leaves */
	bool goodbye;  /* 221 was given: the FIN may come at any time */

	bool served;	  /* something was received */
	bool established; /* known to be so at the server too, though nothing was received yet */
	bool doomed;	  /* all that held it is about to die */

	uint8_t expected[SOURCE_EXPECTED_MAX];
	uint64_t expected_us[SOURCE_EXPECTED_MAX];
	unsigned expected_first, expected_count;

	uint64_t waiting_us; /* since then something is expected; 0: nothing is */
	uint64_t silence_us; /* longest since the last mark */
	uint64_t deadline_us;
	uint64_t due_us;      /* of the next message */
	uint64_t read_us;     /* a slow reader reads then */
	uint64_t break_bytes; /* the session is left when so much was written; 0: never */
	uint64_t tick_us;     /* pace of body and pings; 0: none */

	enum source_message_state message;
	unsigned messages; /* begun in this session */
	unsigned step_at;  /* of the envelope, when it is not pipelined */
	struct oracle_name message_name;
	bool chunked; /* it comes by BDAT */
	uint64_t began_us;
	struct source_body body;
	bool one_way; /* the server has said that it will not answer */
};

void source_session_open(unsigned phase, unsigned variant, uint32_t number);
void source_session_release(struct source_session *session);
void source_session_reset(struct source_session *session); /* RST; that was the intention */
void source_session_urgent(struct source_session *session);
void source_session_mark(struct source_session *session); /* counts its silence, begins anew */
/* The one it is connected from; 0: none. */
unsigned source_session_port(const struct source_session *session);
bool source_session_holds(const struct source_session *session);

/* For its steps, message, body and replies: */
void source_send(struct source_session *session, const char *bytes, size_t length);
void source_send_text(struct source_session *session, const char *text);
void source_expect(struct source_session *session, enum source_expected expected);
/* Names the session itself, where a message's key names a message. */
struct oracle_key source_session_key(const struct source_session *session);
/* The sink resets such a session as soon as it has seen MAIL; that may overtake its reply. */
bool source_server_may_vanish(const struct source_session *session);
void source_fail(struct source_session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

extern struct source_session *source_sessions;

#endif
