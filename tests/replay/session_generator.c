#include "tests/replay/session_generator.h"

#include "tests/dialogue/harness.h"

#include <stdbool.h>
#include <string.h>

#define TURNS_MAX  40u
#define PIECES_MAX 12u
#define EARLY	   0xffu /* kind of a reply to a chunk of which the server does not have all */

struct maker {
	struct dialogue *dialogue;
	struct harness harness;
	struct visible piece; /* the act under construction */
	uint64_t random;
	unsigned mischief; /* one act in so many goes wrong; 0 none */
	bool chunky;	   /* the session begins as one that sends chunks would */
};

static unsigned
below(struct maker *maker, unsigned limit)
{
	maker->random ^= maker->random >> 12;
	maker->random ^= maker->random << 25;
	maker->random ^= maker->random >> 27;
	return (unsigned)((maker->random * UINT64_C(0x2545F4914F6CDD1D) >> 33) % limit);
}

static const char *
one_of(struct maker *maker, const char *const *list)
{
	unsigned count = 0;

	while (list[count])
		count++;
	return list[below(maker, count)];
}

static void
put(struct maker *maker, const char *text)
{
	visible_raw(&maker->piece, text, strlen(text));
}

static void
put_times(struct maker *maker, char c, unsigned times)
{
	while (times--)
		visible_raw(&maker->piece, &c, 1);
}

/* ---- the client ---- */

static void
put_command(struct maker *maker)
{
	static const char *const commands[] = {"EHLO client.example", "EHLO client.example",
	    "HELO client.example", "MAIL FROM:<a@client.example>",
	    "MAIL FROM:<a@client.example> SIZE=1000 BODY=8BITMIME", "MAIL FROM:<>",
	    "RCPT TO:<b@inside.example>", "RCPT TO:<b@inside.example>", "RCPT TO:<postmaster>",
	    "RCPT TO:<c@inside.example> NOTIFY=NEVER", "DATA", "DATA", "DATA", "RSET", "NOOP",
	    "NOOP hello", "QUIT", "VRFY root", "EXPN staff", "HELP", "STARTTLS",
	    "AUTH PLAIN AGEAYg==", "AUTH LOGIN", "WIZ", "KILL", "XCLIENT A=B",
	    "MAIL FROM:<a@client.example> BODY=BINARYMIME", "MAIL FROM:a", "RCPT", "DATA x", "",
	    " ", "mail from:<x@y>", "Subject: x", ".", NULL};
	static const char *const parameters[] = {" SIZE=100", " SIZE=x", " BODY=7BIT", " RET=FULL",
	    " ENVID=a+2Bb", " ENVID=a+0Ab", " AUTH=<>", " REQUIRETLS", " SMTPUTF8", " NOTIFY=NEVER",
	    " NOTIFY=ALL", " ORCPT=rfc822;b@inside.example", " XOORG=a", " ", NULL};

	put(maker, one_of(maker, commands));
	for (unsigned i = below(maker, 6) ? 0 : below(maker, 4); i; i--)
		put(maker, one_of(maker, parameters));
	if (below(maker, 60) == 0)
		put_times(maker, 'x', below(maker, 20000));
	put(maker, below(maker, 30) ? "\r\n" : "\n");
}

/* Octets of a chunk; whatever they look like, they are content. */
static void
put_octets(struct maker *maker, unsigned count)
{
	static const char *const words[] = {"Subject: x\r\n", "\r\n", "\r\n.\r\n", ".", "\n", "\r",
	    "QUIT\r\n", "RSET\r\n", "BDAT 3 LAST\r\n", "MAIL FROM:<evil@client.example>\r\n",
	    "DATA\r\n", "a long line that goes on for a while, so that a rule may find it too long",
	    "body", "\x85\xff", NULL};
	size_t end = maker->piece.length + count;

	while (maker->piece.length < end)
		if (below(maker, 30))
			put(maker, one_of(maker, words));
		else
			put_times(maker, '\0', 1);
	maker->piece.length = end;
}

/* Mostly with all of its octets, so that others may follow in one piece. */
static void
put_chunk(struct maker *maker)
{
	static const char *const wrong[] = {"BDAT", "BDAT x", "BDAT 18446744073709551616 LAST",
	    "BDAT  3", "BDAT 3  LAST", "BDAT 3 FIRST", "BDAT 3 LAST ", "BDAT 3 ", "BDAT 3 L",
	    "BDAT 3 LASTX", "BDAT 3  ", "BDAT 3\tLAST", NULL};
	unsigned size = below(maker, 4) ? below(maker, 60) : below(maker, 400);

	if (below(maker, 12) == 0) {
		put(maker, one_of(maker, wrong));
		put(maker, "\r\n");
		put_octets(maker, 3);
		return;
	}
	visible_format(&maker->piece, "%s %u%s\r\n", below(maker, 6) ? "BDAT" : "bdat", size,
	    below(maker, 3) ? "" : " LAST");
	put_octets(maker, below(maker, 5) ? size : below(maker, size + 1));
}

static void
put_envelope(struct maker *maker)
{
	put(maker, "MAIL FROM:<a@client.example>\r\n");
	for (unsigned i = 1 + below(maker, 4); i; i--)
		put(maker, "RCPT TO:<b@inside.example>\r\n");
	if (!maker->chunky && below(maker, 2))
		put(maker, "DATA\r\n");
	else
		for (unsigned i = 1 + below(maker, 4); i; i--)
			put_chunk(maker);
}

static void
put_content(struct maker *maker)
{
	static const char *const lines[] = {"Subject: x", "", ".x", "..", "..x", "body", ".", " ",
	    "a.b", "MAIL FROM:<evil@client.example>", "\x85.\x85", "x\ry", "\r", "\r.", ".\r",
	    "DATA", NULL};
	static const char *const ends[] = {
	    "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n", "\n\r", "", NULL};

	for (unsigned i = below(maker, 12); i; i--) {
		put(maker, one_of(maker, lines));
		put(maker, one_of(maker, ends));
	}
	if (below(maker, 20) == 0)
		put_times(maker, 'z', below(maker, 5000));
	if (below(maker, 40) == 0)
		put_times(maker, '\0', 1);
	if (below(maker, 3) == 0)
		put(maker, "\r\n.\r\n");
}

static void
client_piece(struct maker *maker)
{
	const struct observer *observer = &maker->harness.observer;

	if (observer->state == OBSERVE_OPAQUE) {
		put(maker, "\x16\x03\x01\r\n.\r\n");
	} else if (observer->chunks.client_left) {
		uint64_t left = observer->chunks.client_left;
		put_octets(maker, 1 + below(maker, left < 100 ? (unsigned)left : 100));
	} else if (observer->state == OBSERVE_CONTENT) {
		put_content(maker);
	} else if (observer->state == OBSERVE_SASL) {
		put(maker, "c2VjcmV0\r\n");
	} else if (below(maker, 3) == 0) {
		put_envelope(maker);
	} else if (below(maker, maker->chunky ? 2 : 4) == 0) {
		put_chunk(maker);
	} else {
		for (unsigned i = below(maker, 3) ? 1 : 1 + below(maker, PIECES_MAX); i; i--)
			put_command(maker);
	}
}

/* ---- the server ---- */

static void
put_reply(struct maker *maker, unsigned kind)
{
	static const char *const normal[] = {"250 Ok\r\n", "250 2.0.0 Ok\r\n", "250 2.1.5 Ok\r\n",
	    "250-first\r\n250 last\r\n", "450 4.7.1 later\r\n", "550 5.1.1 no such user\r\n",
	    "503 5.5.1 bad sequence\r\n", NULL};
	static const char *const data[] = {"354 go\r\n", "354 go\r\n", "354 go\r\n", "354 go\r\n",
	    "503 5.5.1 need RCPT\r\n", "451 4.3.0 later\r\n", NULL};
	static const char *const hello[] = {"250 mail.inside.example\r\n",
	    "250-mail.inside.example\r\n250-PIPELINING\r\n250-STARTTLS\r\n250-AUTH PLAIN "
	    "LOGIN\r\n250-SIZE 1000\r\n250 XSECRET\r\n",
	    "250-mail\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 BINARYMIME\r\n",
	    "250-mail\r\n250-DSN\r\n250-REQUIRETLS\r\n250 LIMITS MAILMAX=2 RCPTMAX=100\r\n",
	    "250-mail\r\n250 CHUNKING\r\n", "250-mail\r\n250-X\r\n250-SMTPUTF8\r\n250 8BITMIME\r\n",
	    "502 no\r\n", NULL};
	static const char *const starttls[] = {"220 go\r\n", "454 no\r\n", "250 what\r\n", NULL};
	static const char *const sasl[] = {
	    "334 UGFzcw==\r\n", "235 2.7.0 Ok\r\n", "535 5.7.8 no\r\n", NULL};
	static const char *const early[] = {
	    "452 4.3.1 full\r\n", "552 5.3.4 too big\r\n", "503-no\r\n503 no\r\n", NULL};
	static const char *const strange[] = {"354 go\r\n", "150 wait\r\n", "999 x\r\n", "250\r\n",
	    "250 bare lf\n", "\r\n", "hello\r\n", "250-one\r\n251 two\r\n", "2", "250-",
	    "421 4.3.2 closing\r\n", "250 a\rb\r\n", NULL};

	if (maker->mischief && below(maker, maker->mischief * 4) == 0)
		put(maker, one_of(maker, strange));
	else if (kind == EARLY)
		put(maker, one_of(maker, early));
	else if (kind == OBSERVED_DATA)
		put(maker, one_of(maker, data));
	else if (maker->chunky && below(maker, 4) &&
		 (kind == OBSERVED_MAIL || kind == OBSERVED_RCPT || kind == OBSERVED_CHUNK ||
		     kind == OBSERVED_CLEARING || kind == OBSERVED_CONTENT))
		put(maker, "250 Ok\r\n");
	else if (kind == OBSERVED_CLEARING && below(maker, 4))
		put(maker, one_of(maker, hello));
	else if (kind == OBSERVED_STARTTLS)
		put(maker, one_of(maker, starttls));
	else if (kind == OBSERVED_AUTH || kind == OBSERVED_SASL)
		put(maker, one_of(maker, sasl));
	else
		put(maker, one_of(maker, normal));
}

static void
server_piece(struct maker *maker)
{
	const struct observer *observer = &maker->harness.observer;
	size_t outstanding = observer->tail - observer->head;

	if (observer->state == OBSERVE_OPAQUE) {
		put(maker, "\x17\x03\x03\n\r");
	} else if (!observer->greeted) {
		put(maker,
		    below(maker, 8) ? "220 mail.inside.example ESMTP\r\n" : "220-a\r\n220 b\r\n");
	} else if (observer->off) {
		put(maker, "250 Ok\r\n");
	} else if (observer->state == OBSERVE_CONTENT) {
		if (below(maker, 8) == 0)
			put_reply(maker, EARLY);
	} else {
		for (size_t i = 0; i < outstanding && below(maker, 8); i++) {
			bool within = i + 1 == outstanding && observer->chunks.server_left;
			if (within && below(maker, 6))
				break; /* a chunk of which it does not have all */
			put_reply(maker,
			    within ? EARLY
				   : observer->queue[(observer->head + i) % OBSERVER_QUEUE].kind);
		}
	}
}

/* ---- one act ---- */

static void
act(struct maker *maker, enum dialogue_kind kind, enum inspect_leg leg, uint64_t ms)
{
	struct dialogue *dialogue = maker->dialogue;

	dialogue_add(dialogue, kind, leg, ms, maker->piece.data, maker->piece.length);
	harness_act(&maker->harness, &dialogue->acts[dialogue->count - 1]);
	harness_next(&maker->harness);
	visible_clear(&maker->piece);
}

/* One byte of the piece becomes another, appears twice, or goes. */
static void
spoil(struct maker *maker)
{
	static const char bytes[] = {'\r', '\n', '.', '\0', ' ', '\t', '\x80', '\xff', '-', '2'};
	struct visible *piece = &maker->piece;

	if (!piece->length)
		return;
	size_t at = below(maker, (unsigned)piece->length);
	if (below(maker, 3) == 0) {
		memmove(piece->data + at, piece->data + at + 1, piece->length - at - 1);
		piece->length--;
	} else if (below(maker, 2) == 0) {
		piece->data[at] = bytes[below(maker, sizeof(bytes))];
	} else {
		visible_raw(piece, piece->data + at, 1);
	}
}

static void
strike(struct maker *maker)
{
	enum inspect_leg leg = (enum inspect_leg)below(maker, 2);

	switch (below(maker, 8)) {
	case 0:
		act(maker, DIALOGUE_RESET, leg, 0);
		break;
	case 1:
		act(maker, DIALOGUE_SHUTDOWN, INSPECT_CLIENT, 0);
		break;
	case 2:
		act(maker, DIALOGUE_CLEAR, INSPECT_CLIENT, 0);
		break;
	case 3:
		if (!maker->harness.leg[INSPECT_SERVER].input.length)
			act(maker, DIALOGUE_FAILED, INSPECT_SERVER, 0);
		break;
	case 4:
	case 5:
		act(maker, DIALOGUE_TIME, INSPECT_CLIENT, 1000ull * below(maker, 1000));
		break;
	default:
		act(maker, DIALOGUE_END, leg, 0);
	}
}

static void
turn(struct maker *maker)
{
	bool client = below(maker, 2) == 0;

	if (maker->mischief && below(maker, maker->mischief * 3) == 0) {
		strike(maker);
		return;
	}
	if (client)
		client_piece(maker);
	else
		server_piece(maker);
	if (maker->mischief && below(maker, maker->mischief * 2) == 0)
		spoil(maker);
	if (maker->piece.length)
		act(maker, DIALOGUE_BYTES, client ? INSPECT_CLIENT : INSPECT_SERVER, 0);
}

/* The server greets within the delay, and perhaps the client cannot wait. */
static void
begin_delayed(struct maker *maker)
{
	put(maker, "220 mail.inside.example ESMTP\r\n");
	act(maker, DIALOGUE_BYTES, INSPECT_SERVER, 0);
	if (below(maker, 3) == 0) {
		put_command(maker);
		act(maker, DIALOGUE_BYTES, INSPECT_CLIENT, 0);
	}
	act(maker, DIALOGUE_TIME, INSPECT_CLIENT, maker->dialogue->policy.greeting_delay_ms);
}

/* Without this few sessions come so far. */
static void
begin_chunky(struct maker *maker)
{
	if (!maker->harness.observer.greeted) {
		put(maker, "220 mail.inside.example ESMTP\r\n");
		act(maker, DIALOGUE_BYTES, INSPECT_SERVER, 0);
	}
	put(maker, "EHLO client.example\r\n");
	act(maker, DIALOGUE_BYTES, INSPECT_CLIENT, 0);
	put(maker, "250-mail\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 BINARYMIME\r\n");
	act(maker, DIALOGUE_BYTES, INSPECT_SERVER, 0);
}

/* Rules that refuse content, and a hold that has little room. */
static void
choose_rules(struct maker *maker, struct inspect_policy *policy)
{
	static const char *const names[] = {"body line length", "header line length"};
	static const uint32_t holds[] = {0, 10, 60, 200, 65536};

	policy->header_hold = holds[below(maker, 5)];
	policy->message_size_max = below(maker, 3) ? 0 : 100 + below(maker, 400);
	policy->rules = (uint8_t)(1 + below(maker, 2));
	for (unsigned i = 0; i < policy->rules; i++) {
		const char *name = names[below(maker, 2)];
		policy->rule[i] = (struct inspect_rule){
		    .criterion = (uint8_t)inspect_criterion_find(name, strlen(name)),
		    .action =
			(uint8_t)(INSPECT_ACTION_REJECT + (below(maker, 4) ? 0 : below(maker, 3))),
		    .limit = 10 + below(maker, 80)};
		if (policy->rule[i].action == INSPECT_ACTION_REJECT && below(maker, 5) == 0)
			policy->rule[i].code = 421;
	}
	inspect_policy_finish(policy);
}

static void
choose_policy(struct maker *maker)
{
	static const uint8_t banners[] = {
	    INSPECT_BANNER_SERVER, INSPECT_BANNER_NEUTRAL, INSPECT_BANNER_CLASSIC};
	struct inspect_policy *policy = &maker->dialogue->policy;

	policy->banner = banners[below(maker, sizeof(banners))];
	policy->line_endings = (uint8_t)below(maker, 2);
	policy->nul = (uint8_t)below(maker, 2);
	policy->errors_max = below(maker, 3) ? 0 : 1 + below(maker, 5);
	if (below(maker, 6) == 0)
		policy->flags &= ~(uint32_t)INSPECT_ALLOW_TLS;
	if (below(maker, 10) == 0)
		policy->flags |= INSPECT_MONITOR_ONLY;
	policy->recipients_max = below(maker, 3) ? 0 : 1 + below(maker, 4);
	policy->junk_max = below(maker, 4) ? 0 : 2 + below(maker, 10);
	policy->greeting_delay_ms = below(maker, 6) ? 0 : 1 + below(maker, 5000);
	if (below(maker, 2))
		policy->flags |= INSPECT_LOG_EARLY;
	if (below(maker, 2))
		choose_rules(maker, policy);
	maker->dialogue->mode =
	    below(maker, 12) ? INSPECT_MODE_INSPECT : (enum inspect_mode)(1 + below(maker, 2));
}

void
session_generate(struct dialogue *dialogue, uint64_t seed, struct visible *failure)
{
	static const struct harness_options whole = {0};
	struct maker maker = {
	    .dialogue = dialogue, .random = seed * UINT64_C(0x9E3779B97F4A7C15) + 1};

	maker.mischief = below(&maker, 4) ? 4 + below(&maker, 30) : 0;
	maker.chunky = below(&maker, 2) == 0;
	choose_policy(&maker);
	harness_init(&maker.harness, &dialogue->policy, dialogue->mode, &whole);
	if (dialogue->policy.greeting_delay_ms)
		begin_delayed(&maker);
	if (maker.chunky && !harness_over(&maker.harness))
		begin_chunky(&maker);
	for (unsigned i = 0; i < TURNS_MAX && !harness_over(&maker.harness); i++)
		turn(&maker);
	if (maker.harness.failure[0])
		visible_format(failure, "%s", maker.harness.failure);
	harness_done(&maker.harness);
	visible_done(&maker.piece);
}

void
session_print(const struct dialogue *dialogue, struct visible *text)
{
	static const char *const words[] = {"", "eof", "reset", "failed"};
	const struct inspect_policy *policy = &dialogue->policy;

	visible_format(text, "# mode %u banner %u line-endings %u nul %u errors-max %u flags %#x\n",
	    dialogue->mode, policy->banner, policy->line_endings, policy->nul, policy->errors_max,
	    policy->flags);
	visible_format(text,
	    "policy header-hold %u\npolicy message-size-max %llu\npolicy rules none\n",
	    policy->header_hold, (unsigned long long)policy->message_size_max);
	visible_format(text,
	    "policy recipients-max %u\npolicy junk-max %u\npolicy greeting-delay %u\n",
	    policy->recipients_max, policy->junk_max, policy->greeting_delay_ms);
	for (unsigned i = 0; i < policy->rules; i++)
		if (inspect_criterion_takes(policy->rule[i].criterion, INSPECT_ACTION_REJECT))
			visible_format(text, "policy rule %s gt %u %s\n",
			    inspect_criterion_name(policy->rule[i].criterion),
			    policy->rule[i].limit, inspect_action_name(policy->rule[i].action));
	for (size_t i = 0; i < dialogue->count; i++) {
		const struct dialogue_act *now = &dialogue->acts[i];
		char letter = now->leg == INSPECT_CLIENT ? 'C' : 'S';
		if (now->kind == DIALOGUE_BYTES) {
			visible_format(text, "%c+ ", letter);
			visible_bytes(text, now->bytes, now->length);
			visible_raw(text, "\n", 1);
		} else if (now->kind == DIALOGUE_TIME) {
			visible_format(text, "time +%llu\n", (unsigned long long)now->ms);
		} else if (now->kind == DIALOGUE_SHUTDOWN || now->kind == DIALOGUE_CLEAR) {
			visible_format(text, "signal %s\n",
			    now->kind == DIALOGUE_CLEAR ? "clear" : "shutdown");
		} else {
			visible_format(text, "%c %s\n", letter, words[now->kind]);
		}
	}
}
