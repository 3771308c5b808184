/*
 * core_speed -- how fast the inspection core passes content, beside memcpy of the same octets
 *
 * usage: core_speed
 *
 * One session is led into content, then 16 MB of lines come in inputs of 64 KiB; the median of
 * several runs.  `default`: the rules of the default map; `lines`: with a rule on the length of
 * the body's lines too, which the lines do not break.
 */
#include "worker/inspect/criterion_table.h"
#include "worker/inspect/inspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONTENT_SIZE (16u << 20)
#define INPUT_SIZE   65536u
#define RUNS	     15

struct bench {
	struct inspect *state;
	struct inspect_policy policy;
	struct inspect_output output;
	enum inspect_scan scan;
	uint8_t *content;
};

static double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void
offer(struct bench *bench, enum inspect_leg from, const void *bytes, size_t length)
{
	struct inspect_input input = {.signal = INSPECT_BYTES,
	    .from = from,
	    .scan = bench->scan,
	    .bytes = bytes,
	    .length = length,
	    .now_ms = 1000,
	    .room = {24, 24}};

	while (input.length) {
		inspect_step(bench->state, &bench->policy, &input, &bench->output);
		if (bench->output.consumed == 0 && bench->output.edit_count == 0)
			break;
		input.bytes += bench->output.consumed;
		input.length -= bench->output.consumed;
	}
}

static void
say(struct bench *bench, enum inspect_leg from, const char *text)
{
	offer(bench, from, text, strlen(text));
}

static void
lead_into_content(struct bench *bench)
{
	inspect_init(bench->state, &bench->policy, INSPECT_MODE_INSPECT, 1000);
	say(bench, INSPECT_SERVER, "220 mx ESMTP\r\n");
	say(bench, INSPECT_CLIENT, "EHLO a\r\n");
	say(bench, INSPECT_SERVER, "250-mx\r\n250 SIZE\r\n");
	say(bench, INSPECT_CLIENT, "MAIL FROM:<a@b.test>\r\n");
	say(bench, INSPECT_SERVER, "250 ok\r\n");
	say(bench, INSPECT_CLIENT, "RCPT TO:<c@d.test>\r\n");
	say(bench, INSPECT_SERVER, "250 ok\r\n");
	say(bench, INSPECT_CLIENT, "DATA\r\n");
	say(bench, INSPECT_SERVER, "354 go\r\n");
	say(bench, INSPECT_CLIENT, "Subject: speed\r\n\r\n");
	if (strcmp(inspect_phase_name(bench->output.phase), "content") != 0) {
		fprintf(stderr, "core_speed: no content\n");
		exit(1);
	}
}

static int
compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* GB/s */
static double
core_speed(struct bench *bench)
{
	double taken[RUNS];

	for (int run = 0; run < RUNS; run++) {
		lead_into_content(bench);
		double start = now();
		for (size_t at = 0; at < CONTENT_SIZE; at += INPUT_SIZE)
			offer(bench, INSPECT_CLIENT, bench->content + at, INPUT_SIZE);
		taken[run] = now() - start;
	}
	qsort(taken, RUNS, sizeof(taken[0]), compare);
	return CONTENT_SIZE / taken[RUNS / 2] / 1e9;
}

static double
memcpy_speed(const struct bench *bench, uint8_t *to)
{
	double taken[RUNS];

	for (int run = 0; run < RUNS; run++) {
		double start = now();
		memcpy(to, bench->content, CONTENT_SIZE);
		__asm__ volatile("" : : "r"(to) : "memory");
		taken[run] = now() - start;
	}
	qsort(taken, RUNS, sizeof(taken[0]), compare);
	return CONTENT_SIZE / taken[RUNS / 2] / 1e9;
}

static void
fill(uint8_t *content, size_t line)
{
	for (size_t i = 0; i < CONTENT_SIZE; i++)
		content[i] = (uint8_t)("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"[i * 7 % 31]);
	for (size_t i = line; i + 2 <= CONTENT_SIZE; i += line + 2)
		memcpy(content + i, "\r\n", 2);
}

static void
measure(struct bench *bench, size_t line, uint8_t *copy)
{
	static const char *const names[INSPECT_SCANS] = {"portable", "SSE2", "AVX2"};
	struct inspect_policy with_lines;

	fill(bench->content, line);
	inspect_policy_default(&bench->policy, "mx", 2);
	with_lines = bench->policy;
	with_lines.rule[with_lines.rules++] = (struct inspect_rule){
	    .criterion = CRITERION_BODY_LINE_LENGTH, .action = INSPECT_ACTION_LOG, .limit = 998};
	inspect_policy_finish(&with_lines);
	double peer = memcpy_speed(bench, copy);
	printf("%3zu-octet lines   memcpy    %6.2f GB/s\n", line, peer);
	for (int way = 0; way <= (int)inspect_scan_best(); way++) {
		bench->scan = (enum inspect_scan)way;
		struct inspect_policy kept = bench->policy;
		double plain = core_speed(bench);
		bench->policy = with_lines;
		double lines = core_speed(bench);
		bench->policy = kept;
		printf("%3zu-octet lines   %-8s  %6.2f GB/s default (%.2f of memcpy)   %6.2f GB/s "
		       "lines "
		       "(%.2f)\n",
		    line, names[way], plain, plain / peer, lines, lines / peer);
	}
}

int
main(void)
{
	static struct bench bench;
	uint8_t *copy = malloc(CONTENT_SIZE);

	bench.state = aligned_alloc(64, (inspect_size() + 63) / 64 * 64);
	bench.content = malloc(CONTENT_SIZE);
	if (!copy || !bench.state || !bench.content)
		return 71;
	measure(&bench, 76, copy);
	measure(&bench, 998, copy);
	free(copy);
	free(bench.state);
	free(bench.content);
	return 0;
}
