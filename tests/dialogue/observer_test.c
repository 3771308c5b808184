/* The observer must see what a faulty core would do. */
#include "tests/dialogue/observer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct scene {
	struct inspect_policy policy;
	struct observer observer;
	struct visible client;
};

static void
server(struct scene *scene, const char *text)
{
	observer_server_said(
	    &scene->observer, (const uint8_t *)text, strlen(text), scene->client.length);
}

static void
passed(struct scene *scene, const char *text)
{
	observer_server_gets(&scene->observer, (const uint8_t *)text, strlen(text),
	    (const uint8_t *)scene->client.data, scene->client.length);
}

static void
client(struct scene *scene, const char *text)
{
	visible_raw(&scene->client, text, strlen(text));
}

static void
said(struct scene *scene, const char *text)
{
	client(scene, text);
	observer_client_said(&scene->observer, (const uint8_t *)text, strlen(text));
}

static void
answered(struct scene *scene, const char *text)
{
	observer_client_gets(&scene->observer, (const uint8_t *)text, strlen(text));
}

static int
setup(void **state)
{
	static struct scene scene;

	memset(&scene, 0, sizeof(scene));
	observer_init(&scene.observer, &scene.policy, INSPECT_MODE_INSPECT);
	*state = &scene;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *scene = *state;

	observer_done(&scene->observer);
	visible_done(&scene->client);
	return 0;
}

/* Up to and with the server's 354. */
static void
open_content(struct scene *scene)
{
	static const char envelope[] = "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n";

	server(scene, "220 x\r\n");
	client(scene, envelope);
	passed(scene, envelope);
	server(scene, "250 Ok\r\n250-a\r\n250 Ok\r\n354 go\r\n");
	assert_int_equal(scene->observer.state, OBSERVE_CONTENT);
}

static void
takes_a_good_session(void **state)
{
	struct scene *scene = *state;

	open_content(scene);
	client(scene, "a\nb\rc\r\n..d\r\n.e\r\n.\r\n");
	passed(scene, "a\r\nb c\r\n..d\r\ne\r\n.\r\n");
	server(scene, "250 Ok\r\n");
	answered(scene, "220 x\r\n250-a\r\n250 b\r\n");
	observer_client_ends(&scene->observer);
	assert_string_equal(scene->observer.failure, "");
	assert_int_equal(scene->observer.messages, 1);
}

static void
sees_a_false_end_of_data(void **state)
{
	struct scene *scene = *state;

	open_content(scene);
	client(scene, "a\n.\nMAIL FROM:<evil@b>\r\n");
	passed(scene, "a\r\n.\r\n");
	assert_non_null(strstr(scene->observer.failure, "did not send"));
}

static void
sees_an_end_of_data_in_the_wrong_place(void **state)
{
	struct scene *scene = *state;

	open_content(scene);
	client(scene, "a\n.\r\nevil\r\n.\r\n");
	passed(scene, "a\r\n.\r\n");
	assert_non_null(strstr(scene->observer.failure, "changed"));
}

static void
sees_changed_content(void **state)
{
	struct scene *scene = *state;

	open_content(scene);
	client(scene, "hello\r\n.\r\n");
	passed(scene, "Hello\r\n.\r\n");
	assert_non_null(strstr(scene->observer.failure, "changed"));
}

static void
sees_bare_line_ends(void **state)
{
	struct scene *scene = *state;

	open_content(scene);
	passed(scene, "a\nb");
	assert_string_equal(scene->observer.failure, "bare LF toward the server");
}

static void
sees_a_bare_cr(void **state)
{
	struct scene *scene = *state;

	open_content(scene);
	passed(scene, "a\rb");
	assert_string_equal(scene->observer.failure, "bare CR toward the server");
}

static void
sees_rcpt_without_mail(void **state)
{
	struct scene *scene = *state;

	server(scene, "220 x\r\n");
	passed(scene, "MAIL FROM:<a@b>\r\nRSET\r\nRCPT TO:<c@d>\r\n");
	assert_string_equal(scene->observer.failure, "RCPT without MAIL");
}

static void
sees_rcpt_after_a_refused_mail(void **state)
{
	struct scene *scene = *state;

	server(scene, "220 x\r\n");
	passed(scene, "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n");
	server(scene, "550 no\r\n");
	assert_string_equal(scene->observer.failure, "");
	passed(scene, "RCPT TO:<c@d>\r\n");
	assert_string_equal(scene->observer.failure, "RCPT without MAIL");
}

static void
sees_bytes_behind_data(void **state)
{
	struct scene *scene = *state;

	server(scene, "220 x\r\n");
	passed(scene, "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nEXPN root\r\n");
	assert_non_null(strstr(scene->observer.failure, "behind DATA"));
}

static void
sees_a_reply_within_a_reply(void **state)
{
	struct scene *scene = *state;

	server(scene, "220 x\r\n");
	answered(scene, "250-a\r\n421 bye\r\n");
	assert_non_null(strstr(scene->observer.failure, "within"));
}

static void
sees_half_a_reply(void **state)
{
	struct scene *scene = *state;

	server(scene, "220 x\r\n");
	answered(scene, "250-a\r\n");
	observer_client_ends(&scene->observer);
	assert_non_null(strstr(scene->observer.failure, "within a reply"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

/* Up to and with a MAIL that was accepted. */
static void
open_chunks(struct scene *scene)
{
	static const char envelope[] = "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n";

	server(scene, "220 x\r\n");
	said(scene, envelope);
	passed(scene, envelope);
	server(scene, "250 Ok\r\n250 Ok\r\n");
}

static void
takes_good_chunks(void **state)
{
	struct scene *scene = *state;

	open_chunks(scene);
	said(scene, "BDAT 5\r\n.\r\n.\nBDAT 3 LAST\r\nQUIRSET\r\n");
	passed(scene, "BDAT 5\r\n.\r\n.\nBDAT 3 LAST\r\nQUI");
	assert_int_equal(scene->observer.messages, 1);
	assert_int_equal(scene->observer.mail, MAIL_NONE);
	server(scene, "250 Ok\r\n250 Ok\r\n");
	passed(scene, "RSET\r\n");
	assert_string_equal(scene->observer.failure, "");
}

static void
takes_a_last_that_follows(void **state)
{
	struct scene *scene = *state;

	open_chunks(scene);
	said(scene, "BDAT 3 LAST\r\nabc");
	passed(scene, "BDAT 3\r\nabcBDAT 0 LAST\r\n");
	assert_int_equal(scene->observer.messages, 1);
	assert_string_equal(scene->observer.failure, "");
}

/* The second of two that look alike: the first was refused. */
static void
takes_the_right_one(void **state)
{
	struct scene *scene = *state;

	server(scene, "220 x\r\n");
	said(scene, "MAIL FROM:<a@b>\r\nBDAT 3\r\nabcRSET\r\n");
	said(scene, "MAIL FROM:<a@b>\r\nBDAT 3\r\nabcBDAT 1 LAST\r\nx");
	passed(scene, "MAIL FROM:<a@b>\r\nBDAT 3\r\nabcBDAT 1 LAST\r\nx");
	assert_int_equal(scene->observer.messages, 1);
	assert_string_equal(scene->observer.failure, "");
}

static void
sees_bad_chunks(void **state)
{
	static const struct {
		const char *said, *passed;
	} cases[] = {
	    {"BDAT 3\r\nabc", "BDAT 3\r\nabd"},				     /* another octet */
	    {"BDAT 3\r\nabc", "BDAT 2\r\nab"},				     /* another size */
	    {"BDAT 3\r\nabc", "BDAT 3 LAST\r\nabc"},			     /* not the last */
	    {"BDAT 3 LAST \r\nabc", "BDAT 3 LAST \r\nabc"},		     /* malformed */
	    {"BDAT 18 LAST\r\nBDAT 3 LAST\r\nabcde", "BDAT 3 LAST\r\nabc"},  /* within one */
	    {"BDAT 1\r\naBDAT 1\r\nbBDAT 1\r\nc", "BDAT 1\r\naBDAT 1\r\nc"}, /* a hole */
	    {"BDAT 1\r\naBDAT 1\r\nb", "BDAT 1\r\nb"},			     /* without the first */
	    {"BDAT 3\r\nabc", "BDAT 3\r\nabcBDAT 0 LAST\r\n"},		     /* nobody's LAST */
	    {"BDAT 1\r\naDATA\r\n", "BDAT 1\r\naDATA\r\n"},		     /* both ways */
	    {"RSET\r\nBDAT 1\r\na", "RSET\r\nBDAT 1\r\na"},		     /* without MAIL */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		teardown(state);
		setup(state);
		struct scene *scene = *state;
		open_chunks(scene);
		said(scene, cases[i].said);
		passed(scene, cases[i].passed);
		assert_string_not_equal(scene->observer.failure, "");
	}
}

static void
sees_a_fin_within_a_chunk(void **state)
{
	struct scene *scene = *state;

	open_chunks(scene);
	said(scene, "BDAT 3\r\nabc");
	passed(scene, "BDAT 3\r\nab");
	observer_server_ends(&scene->observer);
	assert_string_not_equal(scene->observer.failure, "");
}

static void
counts_replies(void **state)
{
	struct scene *scene = *state;

	open_chunks(scene);
	answered(scene, "220 x\r\n250 Ok\r\n250-a\r\n250 Ok\r\n");
	observer_step(&scene->observer);
	assert_string_equal(scene->observer.failure, "");
	said(scene, "BDAT 3\r\nN\r\n");
	answered(scene, "250 Ok\r\n");
	observer_step(&scene->observer);
	assert_string_equal(scene->observer.failure, "");
	answered(scene, "250 Ok\r\n");
	observer_step(&scene->observer);
	assert_string_not_equal(scene->observer.failure, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(takes_a_good_session),
	    TEST(sees_a_false_end_of_data),
	    TEST(sees_an_end_of_data_in_the_wrong_place),
	    TEST(sees_changed_content),
	    TEST(sees_bare_line_ends),
	    TEST(sees_a_bare_cr),
	    TEST(sees_rcpt_without_mail),
	    TEST(sees_rcpt_after_a_refused_mail),
	    TEST(sees_bytes_behind_data),
	    TEST(sees_a_reply_within_a_reply),
	    TEST(sees_half_a_reply),
	    TEST(takes_good_chunks),
	    TEST(takes_a_last_that_follows),
	    TEST(takes_the_right_one),
	    TEST(sees_bad_chunks),
	    TEST(sees_a_fin_within_a_chunk),
	    TEST(counts_replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
