/*
 * role_trace -- plays a story of two hosts on their role machines, and compares what they do
 *
 *   role_trace FILE        exit status 1 and the lines that differ, if any
 *   role_trace -w FILE     writes the file as it would have to be
 *
 *	# a comment
 *	HOST: INPUT => STATE | ACTION, ACTION, ...
 *
 * A host begins by `HOST: start side 0 ...`; a second start of it is a restart.  INPUT is written as
 * role.def names it, with its number behind (`epoch saved 3`, `ack stalled 500`, `lost sync`).
 * `HOST: hello sync mx2` gives it what host mx2 of the same story says at that moment; `HOST: hello
 * lan "mx9" active epoch 5 side 1 version 1` gives it what no honest host might say.  A line that goes
 * on in the next is continued there behind blanks.
 */
#include "daemon/sync/role.h"
#include "daemon/sync/role_words.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOSTS	  2
#define LINE_SIZE 2048
#define WIDTH	  100

struct host {
	char name[ROLE_NODE_MAX];
	struct role role;
};

static struct host hosts[HOSTS];

static struct host *
find_host(const char *name)
{
	for (unsigned i = 0; i < HOSTS; i++) {
		if (hosts[i].name[0] == '\0')
			snprintf(hosts[i].name, sizeof(hosts[i].name), "%s", name);
		if (strcmp(hosts[i].name, name) == 0)
			return &hosts[i];
	}
	return NULL;
}

/* ---- reading ---- */

/* The next word of *text, which is cut there; "" at the end. */
static char *
next_word(char **text)
{
	char *word = *text + strspn(*text, " ");
	char *end = word + strcspn(word, " ");

	*text = *end != '\0' ? end + 1 : end;
	*end = '\0';
	return word;
}

static uint64_t
next_number(char **text)
{
	return strtoull(next_word(text), NULL, 10);
}

static bool
take_words(char **text, const char *words)
{
	size_t length = strlen(words);

	if (strncmp(*text, words, length) != 0 || ((*text)[length] != ' ' && (*text)[length] != 0))
		return false;
	*text += length + ((*text)[length] == ' ');
	return true;
}

static unsigned
find_word(const char *word, const char *(*words)(unsigned), unsigned count)
{
	unsigned at = 0;

	while (at < count && strcmp(words(at), word) != 0)
		at++;
	return at;
}

static bool
read_start(const char *name, char *text, struct role_start *start)
{
	*start = (struct role_start){.pair = true, .degrade_after_ms = 500};
	snprintf(start->node, sizeof(start->node), "%s", name);
	for (char *word; *(word = next_word(&text)) != '\0';) {
		if (strcmp(word, "alone") == 0)
			start->pair = false;
		else if (strcmp(word, "strict") == 0)
			start->policy = ROLE_STRICT;
		else if (strcmp(word, "witness") == 0)
			start->witness = true;
		else if (strcmp(word, "serving") == 0)
			start->serving = true;
		else if (strcmp(word, "restoring") == 0)
			start->restoring = next_number(&text);
		else if (strcmp(word, "master") == 0)
			start->word = ROLE_WORD_MASTER;
		else if (strcmp(word, "side") == 0)
			start->side = (uint8_t)next_number(&text);
		else if (strcmp(word, "epoch") == 0)
			start->epoch.number = next_number(&text);
		else if (strcmp(word, "base") == 0)
			start->epoch.base = next_number(&text);
		else
			return false;
	}
	return true;
}

static bool
read_hello(char *text, struct role_input *input)
{
	struct role_hello *hello = &input->hello;

	input->path = find_word(next_word(&text), role_path_word, ROLE_PATHS);
	char *name = next_word(&text);
	if (name[0] != '"') {
		struct host *other = find_host(name);
		if (other != NULL)
			role_hello_fill(&other->role, hello);
		return other != NULL;
	}
	name[strcspn(name + 1, "\"") + 1] = '\0';
	snprintf(hello->node, sizeof(hello->node), "%s", name + 1);
	hello->state = (uint8_t)find_word(next_word(&text), role_state_word, ROLE_STATES);
	hello->version = ROLE_VERSION;
	hello->side = 1;
	for (char *word; *(word = next_word(&text)) != '\0';) {
		if (strcmp(word, "epoch") == 0)
			hello->epoch = next_number(&text);
		else if (strcmp(word, "side") == 0)
			hello->side = (uint8_t)next_number(&text);
		else if (strcmp(word, "version") == 0)
			hello->version = (uint32_t)next_number(&text);
		else
			return false;
	}
	return true;
}

static bool
read_input(char *text, struct role_input *input)
{
	unsigned kind = ROLE_INPUTS;
	size_t longest = 0;

	*input = (struct role_input){0};
	for (unsigned i = 0; i < ROLE_INPUTS; i++) {
		char *behind = text;
		if (take_words(&behind, role_input_word(i)) &&
		    strlen(role_input_word(i)) > longest) {
			kind = i;
			longest = strlen(role_input_word(i));
		}
	}
	if (kind == ROLE_INPUTS)
		return false;
	input->kind = kind;
	take_words(&text, role_input_word(kind));
	if (kind == ROLE_IN_HELLO)
		return read_hello(text, input);
	if (kind == ROLE_IN_LOST)
		input->path = find_word(next_word(&text), role_path_word, ROLE_PATHS);
	else if (kind == ROLE_IN_TIMER)
		input->timer = find_word(next_word(&text), role_timer_word, ROLE_TIMERS);
	else if (kind == ROLE_IN_ACK_STALLED)
		input->ms = (uint32_t)next_number(&text);
	else
		input->epoch = next_number(&text);
	return *next_word(&text) == '\0';
}

/* ---- what was done, in words ---- */

static void append(char *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
append(char *line, const char *format, ...)
{
	size_t length = strlen(line);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line + length, LINE_SIZE - length, format, arguments);
	va_end(arguments);
}

static void
append_action(char *line, const struct role_action *action)
{
	append(line, "%s", role_action_word(action->kind));
	if (action->kind == ROLE_DO_RESTORE)
		append(line, " %llu", (unsigned long long)action->epoch.number);
	else if (action->kind == ROLE_DO_RAISE_EPOCH || action->kind == ROLE_DO_SAVE_EPOCH)
		append(line, " %llu base %llu", (unsigned long long)action->epoch.number,
		    (unsigned long long)action->epoch.base);
	else if (action->kind == ROLE_DO_SET_TIMER)
		append(line, " %s %u", role_timer_word(action->timer), action->ms);
	else if (action->kind == ROLE_DO_TRACK)
		append(line, " %d", action->value);
	else if (action->kind == ROLE_DO_TELL)
		append(line, " %u %s", action->event, role_reason_word(action->reason));
}

static void
describe(const struct role *role, const struct role_result *result, char *line)
{
	line[0] = '\0';
	append(line, "%s | ", role_state_word(role->state));
	if (result->refusal != ROLE_NO_NONE)
		append(line, "refused %s", role_refusal_word(result->refusal));
	else if (result->count == 0)
		append(line, "nothing");
	for (unsigned i = 0; i < result->count; i++) {
		append(line, "%s", i > 0 || result->refusal != ROLE_NO_NONE ? ", " : "");
		append_action(line, &result->action[i]);
	}
}

/* ---- the story ---- */

/* False: the line cannot be read. */
static bool
play(const char *name, const char *input_text, char *ret_done)
{
	char text[LINE_SIZE];
	char *rest = text;
	struct role_result result;
	struct role_start start;
	struct role_input input;
	struct host *host = find_host(name);

	snprintf(text, sizeof(text), "%s", input_text);
	if (host == NULL)
		return false;
	if (take_words(&rest, "start")) {
		if (!read_start(name, rest, &start) || !role_start(&host->role, &start, &result))
			return false;
	} else {
		if (!read_input(rest, &input))
			return false;
		role_step(&host->role, &input, &result);
	}
	describe(&host->role, &result, ret_done);
	return true;
}

/* In lines of WIDTH, at the commas. */
static void
print_folded(const char *name, const char *input, const char *done)
{
	int column = printf("%s: %s =>", name, input);

	while (*done != '\0') {
		int length = (int)strcspn(done, ",") + (strchr(done, ',') != NULL);
		if (column + 1 + length > WIDTH)
			column = printf("\n\t") + 6;
		else
			column += printf(" ");
		column += printf("%.*s", length, done);
		done += length;
		done += *done == ' ';
	}
	printf("\n");
}

/* One line with those that go on behind it, blanks made one; false at the end. */
static bool
read_line(FILE *file, char *line, unsigned *number)
{
	char part[LINE_SIZE];
	int c;

	line[0] = '\0';
	if (fgets(part, sizeof(part), file) == NULL)
		return false;
	++*number;
	part[strcspn(part, "\n")] = '\0';
	append(line, "%s", part);
	while ((c = fgetc(file)) == '\t') {
		if (fgets(part, sizeof(part), file) == NULL)
			break;
		++*number;
		part[strcspn(part, "\n")] = '\0';
		append(line, " %s", part + strspn(part, " \t"));
	}
	if (c != EOF)
		ungetc(c, file);
	return true;
}

static bool
run_line(char *line, unsigned number, bool write)
{
	char done[LINE_SIZE];

	if (line[0] == '#' || line[0] == '\0') {
		if (write)
			puts(line);
		return true;
	}
	char *wanted = strstr(line, " => ");
	char *input = strstr(line, ": ");
	if (wanted != NULL)
		*wanted = '\0';
	wanted = wanted != NULL ? wanted + 4 : line + strlen(line);
	if (input == NULL || input > wanted) {
		printf("line %u: no 'HOST: INPUT => STATE | ACTIONS'\n", number);
		return false;
	}
	*input = '\0';
	input += 2;
	if (!play(line, input, done)) {
		printf("line %u: cannot be played: %s: %s\n", number, line, input);
		return false;
	}
	if (write)
		print_folded(line, input, done);
	if (write || strcmp(done, wanted) == 0)
		return true;
	printf("line %u: %s: %s\n wanted: %s\n    got: %s\n", number, line, input, wanted, done);
	return false;
}

int
main(int argc, char **argv)
{
	bool write = argc == 3 && strcmp(argv[1], "-w") == 0;
	char line[LINE_SIZE];
	unsigned number = 0, lines = 0;
	bool good = true;
	FILE *file = argc == 2 || write ? fopen(argv[argc - 1], "r") : NULL;

	if (file == NULL) {
		fprintf(
		    stderr, "role_trace [-w] FILE: %s\n", argc > 1 ? strerror(errno) : "no file");
		return 2;
	}
	while (read_line(file, line, &number)) {
		lines += line[0] != '#' && line[0] != '\0';
		good = run_line(line, number, write) && good;
	}
	fclose(file);
	return good && lines > 0 ? 0 : 1;
}
