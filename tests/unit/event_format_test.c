#include "daemon/manager/event_format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct event
sample(uint32_t id)
{
	struct event event;

	event_init(&event, id, 0x0123456789abcdefull);
	event.client = (struct shm_endpoint){.family = 4, .port = 35314, .address = {192, 0, 2, 5}};
	event.server = (struct shm_endpoint){
	    .family = 6, .port = 25, .address = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}};
	return event;
}

static void
expect(const struct event *event, const char *wanted)
{
	struct text text;

	text_init(&text, EVENT_FORMAT_MAX);
	event_format_message(&text, event, event_describe(event->id));
	assert_string_equal(text_string(&text), wanted);
	text_free(&text);
}

static void
test_built(void **state)
{
	struct event event = sample(302013);

	(void)state;
	expect(&event, "%SMTPGUARD-6-302013: Built inbound TCP connection 0123456789abcdef for "
		       "outside:192.0.2.5/35314 to inside:2001:db8::1/25");
}

static void
test_teardown(void **state)
{
	struct event event = sample(302014);

	(void)state;
	event.number[0] = 3723;
	event.number[1] = 99;
	event_add_text(&event, "TCP FINs", 8);
	expect(&event,
	    "%SMTPGUARD-6-302014: Teardown TCP connection 0123456789abcdef for "
	    "outside:192.0.2.5/35314 to inside:2001:db8::1/25 duration 1:02:03 bytes 99 TCP FINs");
}

/* To the letter. */
static void
test_limits(void **state)
{
#define PACKET                                                                                     \
	" exceeded 20/10 for input packet from 192.0.2.5/35314 to 2001:db8::1/25 on interface "    \
	"outside"
	static const struct {
		uint32_t id;
		const char *text;
	} limits[] = {
	    {201010, "%SMTPGUARD-6-201010: Embryonic connection limit" PACKET},
	    {201011, "%SMTPGUARD-3-201011: Connection limit" PACKET},
	    {201012, "%SMTPGUARD-6-201012: Per-client embryonic connection limit" PACKET},
	    {201013, "%SMTPGUARD-3-201013: Per-client connection limit" PACKET},
	    {109033, "%SMTPGUARD-5-109033: 20 more connections were refused as in 10"},
	};
#undef PACKET

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct event event = sample(limits[i].id);

		event.number[0] = 20;
		event.number[1] = 10;
		expect(&event, limits[i].text);
	}
}

/* A match line of a map, and a parameter, as the ASA writes them. */
static void
test_rule_acted(void **state)
{
	struct event event = sample(108004);

	(void)state;
	event.rule = 4;
	event_add_text(&event, "Dropped connection for", 22);
	event_add_text(&event, "header line length gt 998", 25);
	expect(&event, "%SMTPGUARD-4-108004: ESMTP Classification: Dropped connection for ESMTP "
		       "Request from outside:192.0.2.5/35314 to inside:2001:db8::1/25; "
		       "matched Class 4: header line length gt 998");
	event = sample(108004);
	event_add_text(&event, "Dropped connection for", 22);
	event_add_text(&event, "mail-relay: No Mail Relay allowed", 33);
	expect(&event, "%SMTPGUARD-4-108004: ESMTP Parameter: Dropped connection for ESMTP "
		       "Request from outside:192.0.2.5/35314 to inside:2001:db8::1/25; "
		       "mail-relay: No Mail Relay allowed");
}

/* What the server says goes the other way. */
static void
test_rule_logged(void **state)
{
	struct event event = sample(108005);

	(void)state;
	event.rule = 2;
	event_add_text(&event, "Received", 8);
	event_add_text(&event, "cmd RCPT count gt 100", 21);
	expect(&event, "%SMTPGUARD-6-108005: ESMTP Classification: Received ESMTP Request from "
		       "outside:192.0.2.5/35314 to inside:2001:db8::1/25; "
		       "matched Class 2: cmd RCPT count gt 100");
	event = sample(108005);
	event.rule = 7;
	event.number[3] = 1;
	event_add_text(&event, "Received", 8);
	event_add_text(&event, "ehlo-reply-parameter others", 27);
	expect(&event, "%SMTPGUARD-6-108005: ESMTP Classification: Received ESMTP Response from "
		       "inside:2001:db8::1/25 to outside:192.0.2.5/35314; "
		       "matched Class 7: ehlo-reply-parameter others");
}

static void
test_terminated(void **state)
{
	struct event event = sample(507003);

	(void)state;
	event_add_text(&event, "inspector disconnected, dropped packet.", 39);
	expect(&event, "%SMTPGUARD-4-507003: tcp flow from outside:192.0.2.5/35314 to "
		       "inside:2001:db8::1/25 terminated by inspection engine, reason - "
		       "inspector disconnected, dropped packet.");
}

static void
test_untrusted_text_is_escaped(void **state)
{
	struct event event = sample(109020);

	(void)state;
	event_add_text(&event, "a\r\n\x1b[2J\\", 8);
	event_add_text(&event, "{text0}\xff", 8);
	expect(&event, "%SMTPGUARD-5-109020: a\\x0d\\x0a\\x1b[2J\\x5c executed '{text0}\\xff'");
}

static void
test_long_text_is_cut(void **state)
{
	struct event event = sample(109020);
	char noise[EVENT_TEXT_SIZE];
	struct text text;

	(void)state;
	memset(noise, 0x80, sizeof(noise));
	event_add_text(&event, noise, sizeof(noise));
	text_init(&text, EVENT_FORMAT_MAX);
	event_format_text(&text, &event, event_describe(event.id));
	assert_false(text.overflow);
	assert_true(text.length < EVENT_FORMAT_TEXT_MAX + 64);
	assert_non_null(strstr(text_string(&text), "..."));
	text_free(&text);
}

static void
test_unknown_words_stay(void **state)
{
	const struct event_description description = {1, 6, "x", "{what} {n0 {} {{n1}", ""};
	struct event event = sample(302013);
	struct text text;

	(void)state;
	event.number[1] = 7;
	text_init(&text, EVENT_FORMAT_MAX);
	event_format_text(&text, &event, &description);
	assert_string_equal(text_string(&text), "{what} {n0 {} {7");
	text_free(&text);
}

/* Lengths and families as a damaged process might write them. */
static void
test_damaged_event(void **state)
{
	struct event event = sample(109001);
	struct text text;

	(void)state;
	memset(&event.text_length, 0xff, sizeof(event.text_length));
	event.client.family = 77;
	text_init(&text, EVENT_FORMAT_MAX);
	event_format_message(&text, &event, event_describe(event.id));
	assert_true(text.length <= EVENT_FORMAT_MAX);
	text_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_built),
	    cmocka_unit_test(test_teardown),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_rule_acted),
	    cmocka_unit_test(test_rule_logged),
	    cmocka_unit_test(test_terminated),
	    cmocka_unit_test(test_untrusted_text_is_escaped),
	    cmocka_unit_test(test_long_text_is_cut),
	    cmocka_unit_test(test_unknown_words_stay),
	    cmocka_unit_test(test_damaged_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
