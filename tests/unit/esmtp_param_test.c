/*
 * The parameters of MAIL and RCPT: values, duplicates, what must be offered, how long a line may be.
 */
#include "worker/inspect/esmtp_param.h"
#include "worker/inspect/extension_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BIT(extension) (UINT64_C(1) << EXTENSION_##extension)

/* Adds a copy of just its size, so that a sanitizer sees what is read beyond. */
static enum own_reply
add(struct esmtp_params *params, enum esmtp_command command, const char *word)
{
	size_t length = strlen(word);
	uint8_t *copy = malloc(length ? length : 1);

	assert_non_null(copy);
	memcpy(copy, word, length);
	enum own_reply fault = esmtp_param_add(params, command, copy, length);
	free(copy);
	return fault;
}

static enum own_reply
once(enum esmtp_command command, const char *word)
{
	struct esmtp_params params = {0};

	return add(&params, command, word);
}

static void
test_values(void **state)
{
	static const struct {
		enum esmtp_command command;
		const char *good[8], *bad[16];
	} cases[] = {
	    {ESMTP_MAIL, {"SIZE=0", "size=18446744073709551615", "SIZE=00000000000000000001"},
		{"SIZE", "SIZE=", "SIZE=-1", "SIZE=1k", "SIZE=18446744073709551616",
		    "SIZE=000000000000000000001"}},
	    {ESMTP_MAIL, {"BODY=7BIT", "BODY=8bitmime", "body=BinaryMIME"},
		{"BODY", "BODY=", "BODY=8BIT", "BODY=7BITX"}},
	    {ESMTP_MAIL, {"SMTPUTF8"}, {"SMTPUTF8=", "SMTPUTF8=1"}},
	    {ESMTP_MAIL, {"RET=FULL", "RET=hdrs"}, {"RET=HDR", "RET", "RET=FULL,HDRS"}},
	    {ESMTP_MAIL, {"ENVID=QQ314159", "ENVID=a+2Bb+3Dc", "ENVID=a=b"},
		{"ENVID=", "ENVID=a+2", "ENVID=a+", "ENVID=a+zz", "ENVID=a+00b", "ENVID=a+0D+0Ab",
		    "ENVID=\xc3\xbc"}},
	    {ESMTP_RCPT,
		{"NOTIFY=NEVER", "NOTIFY=SUCCESS", "notify=Success,Failure,Delay",
		    "NOTIFY=DELAY,FAILURE"},
		{"NOTIFY=", "NOTIFY=NEVER,SUCCESS", "NOTIFY=SUCCESS,", "NOTIFY=,DELAY",
		    "NOTIFY=ALL", "NOTIFY=SUCCESS,NEVER"}},
	    {ESMTP_RCPT,
		{"ORCPT=rfc822;bob@example.com", "ORCPT=rfc822;a+2Btag@b.example",
		    "ORCPT=utf-8;j\xc3\xbcrg@b.example", "ORCPT=utf-8;\\x{FC}@b.example"},
		{"ORCPT=bob@example.com", "ORCPT=;bob", "ORCPT=rfc822;", "ORCPT=rfc822",
		    "ORCPT=rfc822;a+tag@b", "ORCPT=rfc822;j\xc3\xbcrg@b.example",
		    "ORCPT=rfc822;a+00"}},
	    {ESMTP_MAIL, {"AUTH=<>", "AUTH=e+3Dmc2@example.com"}, {"AUTH", "AUTH=", "AUTH=+"}},
	    {ESMTP_MAIL, {"REQUIRETLS"}, {"REQUIRETLS=YES"}},
	    {ESMTP_MAIL, {"BY=120;R", "BY=-10;N", "by=0;nt", "BY=+999999999;RT"},
		{"BY=", "BY=;R", "BY=120", "BY=120;", "BY=120;X", "BY=1234567890;R", "BY=--1;R",
		    "BY=120;RTX"}},
	    {ESMTP_MAIL, {"MT-PRIORITY=-9", "MT-PRIORITY=0", "mt-priority=9"},
		{"MT-PRIORITY=10", "MT-PRIORITY=-0", "MT-PRIORITY=", "MT-PRIORITY=+1",
		    "MT-PRIORITY=-"}},
	    {ESMTP_MAIL, {"HOLDFOR=1", "HOLDFOR=999999999"},
		{"HOLDFOR=", "HOLDFOR=1234567890", "HOLDFOR=-1"}},
	    {ESMTP_MAIL,
		{"HOLDUNTIL=2026-08-21T10:00:00Z", "HOLDUNTIL=2026-08-21t10:00:00.5+02:00"},
		{"HOLDUNTIL=2026-08-21", "HOLDUNTIL=2026-08-21T10:00:00",
		    "HOLDUNTIL=2026-08-21T10:00:00+0200", "HOLDUNTIL=2026-08-21T10:00:00Zx",
		    "HOLDUNTIL=2026-08-21T10:00:00.Z", "HOLDUNTIL=2026-08-21T10:00:00+02:0"}},
	    {ESMTP_RCPT,
		{"RRVS=2014-04-03T23:01:00Z", "RRVS=2014-04-03T23:01:00Z;C",
		    "RRVS=2014-04-03T23:01:00-07:00;r"},
		{"RRVS=2014-04-03T23:01:00Z;", "RRVS=2014-04-03T23:01:00Z;X", "RRVS=Z;C"}},
	    {ESMTP_MAIL, {"SOLICIT=org.example:ADV", "SOLICIT=a,b_c-d"},
		{"SOLICIT=", "SOLICIT=,a", "SOLICIT=a,", "SOLICIT=a,,b", "SOLICIT=.a",
		    "SOLICIT=a;b"}},
	    {ESMTP_MAIL, {"MTRK=AQEBAQEBAQEBAQEBAQEBAQEBAQE=", "MTRK=AQEB:864000"},
		{"MTRK=", "MTRK=:1", "MTRK=AQEB:", "MTRK=AQEB:x", "MTRK=A*B"}},
	    {ESMTP_MAIL, {"CONPERM"}, {"CONPERM=1"}},
	    {ESMTP_MAIL, {"TRANSID=<12345@claremont.edu>"}, {"TRANSID=<>", "TRANSID=12345"}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t k = 0; cases[i].good[k]; k++)
			if (once(cases[i].command, cases[i].good[k]) != OWN_NONE)
				fail_msg("%s is refused", cases[i].good[k]);
		for (size_t k = 0; cases[i].bad[k]; k++)
			if (once(cases[i].command, cases[i].bad[k]) != OWN_ARGUMENT)
				fail_msg("%s is not refused with 501", cases[i].bad[k]);
	}
}

static void
test_lengths(void **state)
{
	char word[600];

	(void)state;
	snprintf(word, sizeof(word), "ENVID=%0100d", 0);
	assert_int_equal(once(ESMTP_MAIL, word), OWN_NONE);
	snprintf(word, sizeof(word), "ENVID=%0101d", 0);
	assert_int_equal(once(ESMTP_MAIL, word), OWN_ARGUMENT);
	snprintf(word, sizeof(word), "ORCPT=rfc822;%0493d", 0);
	assert_int_equal(once(ESMTP_RCPT, word), OWN_NONE);
	snprintf(word, sizeof(word), "ORCPT=rfc822;%0494d", 0);
	assert_int_equal(once(ESMTP_RCPT, word), OWN_ARGUMENT);
}

static void
test_names(void **state)
{
	(void)state;
	assert_int_equal(once(ESMTP_MAIL, "XOORG=example.com"), OWN_PARAMETER);
	assert_int_equal(once(ESMTP_MAIL, "SIZ=1"), OWN_PARAMETER);
	assert_int_equal(once(ESMTP_MAIL, "SIZEX=1"), OWN_PARAMETER);
	assert_int_equal(once(ESMTP_MAIL, "NOTIFY=NEVER"), OWN_PARAMETER);
	assert_int_equal(once(ESMTP_RCPT, "RET=FULL"), OWN_PARAMETER);
	assert_int_equal(once(ESMTP_MAIL, "=1"), OWN_ARGUMENT);
	assert_int_equal(once(ESMTP_MAIL, "-X=1"), OWN_ARGUMENT);
	assert_int_equal(once(ESMTP_MAIL, "X_Y=1"), OWN_ARGUMENT);
	assert_int_equal(once(ESMTP_MAIL, ""), OWN_ARGUMENT);
}

static void
test_twice(void **state)
{
	struct esmtp_params params = {0};

	(void)state;
	assert_int_equal(add(&params, ESMTP_MAIL, "BODY=8BITMIME"), OWN_NONE);
	assert_int_equal(add(&params, ESMTP_MAIL, "SIZE=7"), OWN_NONE);
	assert_int_equal(add(&params, ESMTP_MAIL, "body=BINARYMIME"), OWN_ARGUMENT);
	assert_int_equal(add(&params, ESMTP_MAIL, "SIZE=8"), OWN_ARGUMENT);
	assert_int_equal(params.size, 7);
	assert_false(esmtp_param_given(&params, ESMTP_BINARY));
}

static enum own_reply
judged(enum esmtp_command command, const char *word, uint64_t shown, uint64_t permitted)
{
	struct esmtp_params params = {0};

	assert_int_equal(add(&params, command, word), OWN_NONE);
	return esmtp_param_judge(&params, shown, permitted);
}

static void
test_offered(void **state)
{
	uint64_t all = extension_table_defaults();

	(void)state;
	assert_int_equal(judged(ESMTP_MAIL, "RET=FULL", BIT(DSN), all), OWN_NONE);
	assert_int_equal(judged(ESMTP_MAIL, "RET=FULL", all & ~BIT(DSN), all), OWN_PARAMETER);
	assert_int_equal(judged(ESMTP_MAIL, "BODY=BINARYMIME", BIT(8BITMIME), all), OWN_PARAMETER);
	assert_int_equal(judged(ESMTP_MAIL, "BODY=BINARYMIME", BIT(BINARYMIME), all), OWN_NONE);
	assert_int_equal(judged(ESMTP_MAIL, "SIZE=1", 0, all), OWN_NONE);
	assert_int_equal(judged(ESMTP_MAIL, "BODY=8BITMIME", 0, all), OWN_NONE);
	assert_int_equal(judged(ESMTP_MAIL, "SIZE=1", 0, all & ~BIT(SIZE)), OWN_PARAMETER);
	assert_int_equal(judged(ESMTP_MAIL, "REQUIRETLS", 0, all), OWN_NEEDS_TLS);
	assert_int_equal(judged(ESMTP_RCPT, "NOTIFY=NEVER", 0, all), OWN_PARAMETER);
}

static void
test_room(void **state)
{
	uint64_t all = extension_table_defaults();

	(void)state;
	assert_int_equal(esmtp_param_room(ESMTP_MAIL, 0, 0), 0);
	assert_int_equal(esmtp_param_room(ESMTP_MAIL, 0, all), 26 + 16);
	assert_int_equal(esmtp_param_room(ESMTP_RCPT, 0, all), 0);
	assert_int_equal(esmtp_param_room(ESMTP_RCPT, BIT(DSN), all), 29 + 507);
	assert_int_equal(esmtp_param_room(ESMTP_MAIL, BIT(AUTH), 0), 500);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_twice),
	    cmocka_unit_test(test_offered),
	    cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
