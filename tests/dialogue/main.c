/*
 * dialogue_runner -- runs dialogues and compares their transcripts
 *
 *   dialogue_runner [--update] [--seed N] FILE.in...
 *   dialogue_runner --pack FOLDER FILE.in...
 *
 * Each script is run whole, byte by byte, with 50 random cuts, and with the state saved and
 * loaded before every call; all must give the transcript in FILE.ref.  --update writes FILE.ref
 * from the whole run: read what it wrote.  Exit code 0, or 1 with a diff on standard output.
 * --pack writes FOLDER/NAME, the script in the packed form of the fuzzers' corpora.
 */
#include "tests/dialogue/dialogue.h"
#include "tests/dialogue/packed.h"
#include "tests/dialogue/transcript.h"
#include "tests/dialogue/visible.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CUTS 50u

static bool
read_file(const char *path, struct visible *text)
{
	char buffer[4096];
	size_t length;
	FILE *file = fopen(path, "rb");

	if (!file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return false;
	}
	while ((length = fread(buffer, 1, sizeof(buffer), file)) > 0)
		visible_raw(text, buffer, length);
	bool good = !ferror(file);
	fclose(file);
	return good;
}

static bool
write_file(const char *path, const struct visible *text)
{
	FILE *file = fopen(path, "wb");

	if (!file || fwrite(text->data, 1, text->length, file) != text->length ||
	    fclose(file) != 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return false;
	}
	return true;
}

/* Prints both from the first line that differs, three lines before it and eight after. */
static void
print_difference(const char *what, const char *wanted, const char *given)
{
	const char *recent[3] = {wanted, wanted, wanted};
	const char *w = wanted, *g = given;

	for (;;) {
		const char *feed = strchr(w, '\n');
		size_t line = feed ? (size_t)(feed - w) + 1 : 0;
		if (!line || strncmp(w, g, line) != 0)
			break;
		recent[0] = recent[1];
		recent[1] = recent[2];
		recent[2] = w;
		w += line;
		g += line;
	}
	printf("%s:\n%.*s", what, (int)(w - recent[0]), recent[0]);
	for (int i = 0; i < 8 && *w; i++) {
		int length = (int)strcspn(w, "\n");
		printf("-%.*s\n", length, w);
		w += length + (w[length] == '\n');
	}
	for (int i = 0; i < 8 && *g; i++) {
		int length = (int)strcspn(g, "\n");
		printf("+%.*s\n", length, g);
		g += length + (g[length] == '\n');
	}
}

static bool
run_once(const struct dialogue *dialogue, const struct harness_options *options, const char *what,
    const struct visible *wanted)
{
	struct visible text = {0}, failure = {0};
	enum transcript_result result = transcript_run(dialogue, options, &text, &failure);
	bool good = result == TRANSCRIPT_GOOD;

	if (result == TRANSCRIPT_RACED)
		printf("%s: the server answers what it was not asked yet\n", what);
	else if (result == TRANSCRIPT_BROKEN)
		printf("%s: %s, after:\n%s", what, failure.data, text.data ? text.data : "");
	else if (text.length != wanted->length || memcmp(text.data, wanted->data, text.length)) {
		print_difference(what, wanted->data ? wanted->data : "", text.data);
		good = false;
	}
	visible_done(&text);
	visible_done(&failure);
	return good;
}

static bool
run_all(const struct dialogue *dialogue, uint64_t seed, const struct visible *wanted)
{
	const struct harness_options whole = {0}, bytes = {.cut = 1},
				     saved = {.cut = 1, .reload = true};
	char what[64];

	if (!run_once(dialogue, &whole, "whole", wanted) ||
	    !run_once(dialogue, &bytes, "byte by byte", wanted) ||
	    !run_once(dialogue, &saved, "saved and loaded before every byte", wanted))
		return false;
	for (uint64_t i = 0; i < CUTS; i++) {
		struct harness_options cuts = {.seed = seed + i, .reload = i % 5 == 0};
		snprintf(
		    what, sizeof(what), "random cuts, seed %llu", (unsigned long long)cuts.seed);
		if (!run_once(dialogue, &cuts, what, wanted))
			return false;
	}
	return true;
}

/* Replaces the transcript on disk by what the whole run gives. */
static bool
update(const struct dialogue *dialogue, const char *path, struct visible *wanted)
{
	const struct harness_options whole = {0};
	struct visible failure = {0};

	bool good = transcript_run(dialogue, &whole, wanted, &failure) != TRANSCRIPT_BROKEN;
	if (!good)
		printf("%s: %s, after:\n%s", path, failure.data, wanted->data ? wanted->data : "");
	visible_done(&failure);
	return good && write_file(path, wanted);
}

static bool
pack(const struct dialogue *dialogue, const char *path, const char *folder)
{
	struct visible bytes = {0};
	char target[4096];
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	snprintf(target, sizeof(target), "%s/%.*s", folder, (int)(strlen(name) - 3), name);
	packed_write(dialogue, 1, &bytes);
	bool good = write_file(target, &bytes);
	visible_done(&bytes);
	return good;
}

static bool
check(const struct dialogue *dialogue, const char *path, bool updating, uint64_t seed)
{
	struct visible wanted = {0};
	char reference[4096];

	snprintf(reference, sizeof(reference), "%.*s.ref", (int)(strlen(path) - 3), path);
	bool good =
	    (updating ? update(dialogue, reference, &wanted) : read_file(reference, &wanted)) &&
	    run_all(dialogue, seed, &wanted);
	printf("%s: %s\n", path, good ? "ok" : "FAILED");
	visible_done(&wanted);
	return good;
}

struct job {
	bool updating;
	uint64_t seed;
	const char *folder; /* of --pack, or NULL */
};

static bool
run_file(const char *path, const struct job *job)
{
	struct visible script = {0};
	struct dialogue dialogue;
	char problem[256];
	size_t length = strlen(path);
	bool good = false;

	if (length < 3 || strcmp(path + length - 3, ".in") != 0) {
		fprintf(stderr, "%s: not a .in file\n", path);
		return false;
	}
	dialogue_init(&dialogue);
	if (read_file(path, &script)) {
		unsigned row = dialogue_parse(&dialogue, script.data ? script.data : "",
		    script.length, problem, sizeof(problem));
		if (row)
			fprintf(stderr, "%s:%u: %s\n", path, row, problem);
		else if (job->folder)
			good = pack(&dialogue, path, job->folder);
		else
			good = check(&dialogue, path, job->updating, job->seed);
	}
	dialogue_done(&dialogue);
	visible_done(&script);
	return good;
}

int
main(int argc, char **argv)
{
	struct job job = {.seed = 1};
	bool good = true;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--update") == 0)
			job.updating = true;
		else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
			job.seed = strtoull(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--pack") == 0 && i + 1 < argc)
			job.folder = argv[++i];
		else
			good = run_file(argv[i], &job) && good;
	}
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
