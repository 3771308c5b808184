/* Content, through the whole core: what the server gets for what the client sends. */
#include "worker/inspect/inspect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEXT_MAX 512u

struct session {
	struct inspect_policy policy;
	uint64_t memory[INSPECT_STATE_SIZE / 8];
	struct inspect_output output;
	uint8_t waiting[TEXT_MAX];
	size_t length;
	uint8_t sent[TEXT_MAX]; /* to the server */
	size_t sent_length;
};

static struct inspect *
core(struct session *session)
{
	return (struct inspect *)session->memory;
}

static void
apply(struct session *session, const uint8_t *bytes)
{
	const struct inspect_output *output = &session->output;

	for (unsigned i = 0; i < output->edit_count; i++) {
		const struct inspect_edit *edit = &output->edits[i];
		const void *from = edit->kind == INSPECT_INSERT
				       ? (const void *)(output->text + edit->text)
				       : bytes;
		if (edit->kind != INSPECT_DROP && edit->to == INSPECT_SERVER) {
			assert_true(session->sent_length + edit->length <= TEXT_MAX);
			memcpy(session->sent + session->sent_length, from, edit->length);
			session->sent_length += edit->length;
		}
		if (edit->kind != INSPECT_INSERT)
			bytes += edit->length;
	}
}

static bool
step(struct session *session, enum inspect_leg from, const void *bytes, size_t length)
{
	struct inspect_input input = {.signal = INSPECT_BYTES,
	    .from = from,
	    .bytes = bytes,
	    .length = length,
	    .now_ms = 1000,
	    .room = {INSPECT_EDITS_MIN, INSPECT_EDITS_MIN}};

	inspect_step(core(session), &session->policy, &input, &session->output);
	apply(session, bytes);
	return session->output.consumed > 0 || session->output.edit_count > 0;
}

static void
say(struct session *session, enum inspect_leg from, const char *text)
{
	step(session, from, text, strlen(text));
	assert_int_equal(session->output.consumed, strlen(text));
}

static void
begin(struct session *session)
{
	memset(session, 0, sizeof(*session));
	inspect_policy_default(&session->policy, "mx", 2);
	session->policy.nul = INSPECT_NUL_SPACE;
	inspect_init(core(session), &session->policy, INSPECT_MODE_INSPECT, 0);
	say(session, INSPECT_SERVER, "220 x\r\n");
	say(session, INSPECT_CLIENT, "MAIL FROM:<a@b>\r\n");
	say(session, INSPECT_SERVER, "250 ok\r\n");
	say(session, INSPECT_CLIENT, "RCPT TO:<a@b>\r\n");
	say(session, INSPECT_SERVER, "250 ok\r\n");
	say(session, INSPECT_CLIENT, "DATA\r\n");
	say(session, INSPECT_SERVER, "354 go\r\n");
	session->sent_length = 0;
}

/* Sends the content in pieces of `cut` octets. */
static void
send_content(struct session *session, const char *text, size_t length, size_t cut)
{
	for (size_t at = 0; at < length;) {
		size_t part = length - at < cut ? length - at : cut;
		memcpy(session->waiting + session->length, text + at, part);
		session->length += part;
		at += part;
		while (session->length &&
		       step(session, INSPECT_CLIENT, session->waiting, session->length)) {
			session->length -= session->output.consumed;
			memmove(session->waiting, session->waiting + session->output.consumed,
			    session->length);
		}
	}
}

static void
expect(const char *text, size_t length, const char *wanted, size_t wanted_length, bool finished)
{
	struct session session;

	for (size_t cut = 1; cut <= length; cut++) {
		begin(&session);
		send_content(&session, text, length, cut);
		assert_int_equal(session.sent_length, wanted_length);
		assert_memory_equal(session.sent, wanted, wanted_length);
		assert_string_equal(
		    inspect_phase_name(session.output.phase), finished ? "final-reply" : "content");
	}
}

#define EXPECT(text, wanted)  expect(text, sizeof(text) - 1, wanted, sizeof(wanted) - 1, true)
#define GOES_ON(text, wanted) expect(text, sizeof(text) - 1, wanted, sizeof(wanted) - 1, false)
#define END		      "\r\n.\r\n"

static void
test_clean_content_is_not_touched(void **state)
{
	(void)state;
	EXPECT(".\r\n", ".\r\n");
	EXPECT("\r\n.\r\n", "\r\n.\r\n");
	EXPECT("Subject: x\r\n\r\ntext\r\n" END, "Subject: x\r\n\r\ntext\r\n" END);
	EXPECT("a\xff\x80\r\n\x0b.\x0c\x85.\r\n.\r\n", "a\xff\x80\r\n\x0b.\x0c\x85.\r\n.\r\n");
	EXPECT("..\r\n...\r\n..x" END, "..\r\n...\r\n..x" END);
}

static void
test_single_dots_are_no_content(void **state)
{
	(void)state;
	EXPECT(".foo" END, "foo" END);
	EXPECT(". " END, " " END);
	EXPECT(".\t" END, "\t" END);
	EXPECT(".\r\r\n" END, " \r\n" END);
	EXPECT(".\rx" END, " x" END);
	EXPECT(".\0" END, " " END);
	EXPECT(".\nx" END, "\r\nx" END);
}

static void
test_stray_line_ends(void **state)
{
	(void)state;
	EXPECT("a\nb" END, "a\r\nb" END);
	EXPECT("a\rb" END, "a b" END);
	EXPECT("a\r\r\nb" END, "a \r\nb" END);
	EXPECT("a\0b" END, "a b" END);
	EXPECT("\n\n\n" END, "\r\n\r\n\r\n" END);
	EXPECT("a\n\rb" END, "a\r\n b" END);
	GOES_ON("a\r", "a");
	GOES_ON("a\r\n.", "a\r\n");
	GOES_ON("a\r\n.\r", "a\r\n");
}

static void
test_no_false_end_of_data(void **state)
{
	(void)state;
	EXPECT("a\n.\nb" END, "a\r\n..\r\nb" END);
	EXPECT("a\n.\r\nb" END, "a\r\n..\r\nb" END);
	EXPECT("a\r\n.\nb" END, "a\r\n\r\nb" END);
	EXPECT("a\r.\rb" END, "a . b" END);
	EXPECT("a\r.\nb" END, "a .\r\nb" END);
	EXPECT("a\r.\r\nb" END, "a .\r\nb" END);
	EXPECT("a\n.\rb" END, "a\r\n.. b" END);
	EXPECT("a\r\n.\rb" END, "a\r\n b" END);
	EXPECT("a\r\n.\r\r\nb" END, "a\r\n \r\nb" END);
	EXPECT("a\r\r\n.\r\r\nb" END, "a \r\n \r\nb" END);
	EXPECT("a\r\n\0.\r\nb" END, "a\r\n .\r\nb" END);
	EXPECT("a\n..\r\nb" END, "a\r\n...\r\nb" END);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_clean_content_is_not_touched),
	    cmocka_unit_test(test_single_dots_are_no_content),
	    cmocka_unit_test(test_stray_line_ends),
	    cmocka_unit_test(test_no_false_end_of_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
