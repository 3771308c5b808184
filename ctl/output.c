#include "ctl/output.h"

#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

struct filter_word {
	const char *word;
	enum output_filter filter;
	bool wants_expression;
};

static const struct filter_word filter_words[] = {
    {"include", OUTPUT_INCLUDE, true},
    {"exclude", OUTPUT_EXCLUDE, true},
    {"begin", OUTPUT_BEGIN, true},
    {"count", OUTPUT_COUNT, false},
};

/* The `|` outside quotes, or NULL. */
static const char *
output_find_bar(const char *line)
{
	bool quoted = false;

	for (; *line != '\0'; line++) {
		if (*line == '\\' && quoted && line[1] != '\0')
			line++;
		else if (*line == '"')
			quoted = !quoted;
		else if (*line == '|' && !quoted)
			return line;
	}
	return NULL;
}

static const struct filter_word *
output_find_filter(const char *word, size_t length)
{
	for (size_t i = 0; i < sizeof(filter_words) / sizeof(filter_words[0]); i++)
		if (length > 0 && strncmp(filter_words[i].word, word, length) == 0)
			return &filter_words[i];
	return NULL;
}

static bool
output_compile(struct output *output, const char *expression, char message[OUTPUT_ERROR_MAX])
{
	int error = regcomp(&output->expression, expression, REG_EXTENDED | REG_NOSUB);

	if (error != 0) {
		char reason[100];

		regerror(error, &output->expression, reason, sizeof(reason));
		snprintf(message, OUTPUT_ERROR_MAX, "%% Filter: %s", reason);
		return false;
	}
	output->has_expression = true;
	return true;
}

bool
output_init(struct output *output, FILE *file, unsigned page, const char *line, size_t *ret_length,
    char message[OUTPUT_ERROR_MAX])
{
	const char *bar = output_find_bar(line), *word;
	const struct filter_word *filter;
	size_t length;

	memset(output, 0, sizeof(*output));
	output->file = file;
	output->page = page;
	*ret_length = strlen(line);
	if (bar == NULL)
		return true;
	*ret_length = (size_t)(bar - line);
	word = bar + 1 + strspn(bar + 1, " ");
	length = strcspn(word, " ");
	filter = output_find_filter(word, length);
	if (filter == NULL) {
		snprintf(message, OUTPUT_ERROR_MAX,
		    "%% After | comes include, exclude, begin or count, not '%.*s'", (int)length,
		    word);
		return false;
	}
	output->filter = filter->filter;
	word += length;
	word += strspn(word, " ");
	if (*word == '\0' && filter->wants_expression) {
		snprintf(
		    message, OUTPUT_ERROR_MAX, "%% %s needs a regular expression", filter->word);
		return false;
	}
	return *word == '\0' || output_compile(output, word, message);
}

/* One key decides: space a page, Enter a line, q the end. */
static void
output_wait_for_key(struct output *output)
{
	struct termios saved, raw;
	char key = 'q';

	if (tcgetattr(STDIN_FILENO, &saved) < 0)
		return;
	raw = saved;
	/* Ctrl-C is a key here: it ends the answer. */
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	fputs("<--- More --->", output->file);
	fflush(output->file);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	if (read(STDIN_FILENO, &key, 1) != 1)
		key = 'q';
	tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	fputs("\r              \r", output->file);
	output->quit = key == 'q' || key == 'Q' || key == 3;
	output->shown = key == '\n' && output->page > 0 ? output->page - 1 : 0;
}

static bool
output_line_passes(struct output *output, const char *line)
{
	bool matched =
	    !output->has_expression || regexec(&output->expression, line, 0, NULL, 0) == 0;

	switch (output->filter) {
	case OUTPUT_ALL:
	case OUTPUT_INCLUDE:
		return matched;
	case OUTPUT_EXCLUDE:
		return !matched;
	case OUTPUT_BEGIN:
		output->begun = output->begun || matched;
		return output->begun;
	case OUTPUT_COUNT:
		output->counted += matched;
		return false;
	}
	return true;
}

static void
output_line(struct output *output, const char *line)
{
	if (output->quit || !output_line_passes(output, line))
		return;
	if (output->page > 0 && output->shown >= output->page)
		output_wait_for_key(output);
	if (output->quit)
		return;
	fprintf(output->file, "%s\n", line);
	output->shown++;
}

static bool
output_keep(struct output *output, const char *text, size_t length)
{
	size_t needed = output->partial_length + length + 1;

	if (needed > output->partial_size) {
		char *larger = realloc(output->partial, needed * 2);

		if (larger == NULL)
			return false;
		output->partial = larger;
		output->partial_size = needed * 2;
	}
	memcpy(output->partial + output->partial_length, text, length);
	output->partial_length += length;
	output->partial[output->partial_length] = '\0';
	return true;
}

void
output_write(struct output *output, const char *text, size_t length)
{
	while (length > 0) {
		const char *end = memchr(text, '\n', length);
		size_t part = end != NULL ? (size_t)(end - text) : length;

		if (!output_keep(output, text, part)) {
			output->quit = true;
			return;
		}
		if (end == NULL)
			return;
		output_line(output, output->partial);
		output->partial_length = 0;
		text += part + 1;
		length -= part + 1;
	}
	fflush(output->file);
}

void
output_finish(struct output *output)
{
	if (output->partial_length > 0)
		output_line(output, output->partial);
	if (output->filter == OUTPUT_COUNT)
		fprintf(output->file, "Count: %lu lines\n", output->counted);
	if (output->has_expression)
		regfree(&output->expression);
	free(output->partial);
	fflush(output->file);
	output->partial = NULL;
	output->has_expression = false;
}

void
output_caret(FILE *file, size_t indent, unsigned column)
{
	for (size_t i = 1; i < indent + column; i++)
		fputc(' ', file);
	fputs("^\n", file);
}

void
output_plain(char *to, size_t size, const char *text)
{
	size_t length = 0;

	while (length + 1 < size && text[length] != '\0') {
		unsigned char byte = (unsigned char)text[length];

		to[length++] = byte < ' ' || byte == 127 ? '?' : (char)byte;
	}
	to[length] = '\0';
}
