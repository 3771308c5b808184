/*
 * mime_fuzzer -- a hostile message, by DATA or BDAT, before rules that look at all of it
 *
 *   byte 0   limit of the names (low 4 bits, in steps of 16), what the rule does (3), BDAT (1)
 *   byte 1   `match not` (2 bits), limit of lines (3), header-hold (2), monitor-only (1)
 *   byte 2   how it is cut
 *   then     the content, as it is sent
 *
 * The content must reach the server unaltered but for what its lines need (the harness's observer
 * says), or be refused; cut in another way, with the state saved and loaded before every call, it
 * must give the same transcript; and the core must not do more than its length allows.
 */
#include "tests/dialogue/transcript.h"
#include "tests/fuzz/work.h"

#include "worker/inspect/criterion_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_MAX 40000u
/* Steps that may be done: four times what the costliest inputs known have needed, which compilers and
 * sanitizers change a little. */
#define WORK_CALL  4000u
#define WORK_OCTET 400u
/* gcc counts the branches of its sanitizers' checks too. */
#ifdef __SANITIZE_ADDRESS__
#define WORK_CHECKS 4u
#else
#define WORK_CHECKS 1u
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
add(struct dialogue *dialogue, enum inspect_leg leg, const char *text)
{
	dialogue_add(dialogue, DIALOGUE_BYTES, leg, 0, text, strlen(text));
}

static void
add_rule(struct inspect_policy *policy, enum inspect_criterion criterion, uint32_t limit,
    unsigned action, unsigned flags)
{
	policy->rule[policy->rules++] = (struct inspect_rule){.criterion = (uint8_t)criterion,
	    .action = (uint8_t)action,
	    .flags = (uint8_t)flags,
	    .limit = limit};
}

static void
choose_policy(struct inspect_policy *policy, const uint8_t *head)
{
	static const uint8_t actions[8] = {INSPECT_ACTION_LOG, INSPECT_ACTION_LOG,
	    INSPECT_ACTION_REJECT, INSPECT_ACTION_REJECT, INSPECT_ACTION_REJECT,
	    INSPECT_ACTION_DROP, INSPECT_ACTION_RESET, INSPECT_ACTION_LOG};
	static const uint32_t lines[8] = {UINT32_MAX, 998, 76, 0, 20, 998, 100, 1};
	static const uint32_t holds[4] = {INSPECT_HOLD_MAX, 0, 60, 2000};
	unsigned action = actions[head[0] >> 4 & 7];
	uint32_t limit = lines[head[1] >> 2 & 7];

	policy->rules = 0;
	memset(policy->rule, 0, sizeof(policy->rule));
	add_rule(policy, CRITERION_MIME_FILENAME_LENGTH, (head[0] & 15) * 16u, action,
	    head[1] & 1 ? INSPECT_RULE_NOT : 0);
	add_rule(policy, CRITERION_MIME_FILENAME_LENGTH, 300, INSPECT_ACTION_REJECT, 0);
	if (limit != UINT32_MAX) {
		add_rule(policy, CRITERION_HEADER_LINE_LENGTH, limit, INSPECT_ACTION_LOG, 0);
		add_rule(policy, CRITERION_BODY_LINE_LENGTH, limit, action,
		    head[1] & 2 ? INSPECT_RULE_NOT : 0);
	}
	policy->header_hold = holds[head[1] >> 5 & 3];
	if (head[1] & 0x80)
		policy->flags |= INSPECT_MONITOR_ONLY;
	inspect_policy_finish(policy);
}

static void
make(struct dialogue *dialogue, const uint8_t *data, size_t size)
{
	char command[64];
	bool chunk = (data[0] & 0x80) != 0;

	choose_policy(&dialogue->policy, data);
	add(dialogue, INSPECT_SERVER, "220 mail\r\n");
	add(dialogue, INSPECT_CLIENT, "EHLO client.example\r\n");
	add(dialogue, INSPECT_SERVER, "250-mail\r\n250 CHUNKING\r\n");
	add(dialogue, INSPECT_CLIENT, "MAIL FROM:<a@b>\r\n");
	add(dialogue, INSPECT_SERVER, "250 Ok\r\n");
	add(dialogue, INSPECT_CLIENT, "RCPT TO:<c@d>\r\n");
	add(dialogue, INSPECT_SERVER, "250 Ok\r\n");
	snprintf(command, sizeof(command), "BDAT %zu LAST\r\n", size - 3);
	add(dialogue, INSPECT_CLIENT, chunk ? command : "DATA\r\n");
	if (!chunk)
		add(dialogue, INSPECT_SERVER, "354 go\r\n");
	dialogue_add(dialogue, DIALOGUE_BYTES, INSPECT_CLIENT, 0, data + 3, size - 3);
	if (!chunk)
		add(dialogue, INSPECT_CLIENT, "\r\n.\r\n");
	add(dialogue, INSPECT_CLIENT, "QUIT\r\n");
}

static void
check_work(size_t octets)
{
	struct work work = work_take();
	uint64_t bound = (work.calls * WORK_CALL + octets * WORK_OCTET) * WORK_CHECKS;

	if (work.steps <= bound)
		return;
	fprintf(stderr, "%llu steps in %llu calls, at most %llu were allowed\n",
	    (unsigned long long)work.steps, (unsigned long long)work.calls,
	    (unsigned long long)bound);
	abort();
}

/* True: the transcript may be compared. */
static bool
run(const struct dialogue *dialogue, const struct harness_options *options, size_t octets,
    struct visible *text)
{
	struct visible failure = {0};

	work_take();
	enum transcript_result result = transcript_run(dialogue, options, text, &failure);
	if (result == TRANSCRIPT_BROKEN) {
		fprintf(stderr, "%s, after:\n%s", failure.data, text->data ? text->data : "");
		abort();
	}
	check_work(octets);
	visible_done(&failure);
	return result == TRANSCRIPT_GOOD;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct harness_options whole = {0};
	struct visible first = {0}, second = {0};
	struct dialogue dialogue;

	if (size < 4 || size > LENGTH_MAX)
		return 0;
	struct harness_options cuts = {.cut = 1, .seed = data[2] & 1 ? 0 : data[2], .reload = true};
	dialogue_init(&dialogue);
	make(&dialogue, data, size);
	bool comparable = run(&dialogue, &whole, size, &first);
	comparable = run(&dialogue, &cuts, size, &second) && comparable;
	if (comparable &&
	    (first.length != second.length || memcmp(first.data, second.data, first.length) != 0)) {
		fprintf(stderr, "cut otherwise, another transcript:\n%s\n---\n%s", first.data,
		    second.data);
		abort();
	}
	visible_done(&first);
	visible_done(&second);
	dialogue_done(&dialogue);
	return 0;
}
