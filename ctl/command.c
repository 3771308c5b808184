#include "ctl/command.h"

#include "ctl/output.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* What an answer is shown with. */
struct shown {
	struct command_context *context;
	struct output *output;
	const char *line;
};

static void
command_show_error(const struct shown *shown, const struct control_reply *reply)
{
	const struct command_context *context = shown->context;

	if (reply->error_column > 0 && reply->error_column <= strlen(shown->line) + 1) {
		size_t indent = context->caret_indent;

		if (indent == SIZE_MAX) {
			fprintf(stderr, "%s\n", shown->line);
			indent = 0;
		}
		output_caret(stderr, indent, reply->error_column);
	}
	fprintf(stderr, "%s%.*s", context->origin, (int)reply->text_length,
	    reply->text != NULL ? (const char *)reply->text : "");
	if (reply->text_length == 0 || reply->text[reply->text_length - 1] != '\n')
		fputc('\n', stderr);
}

static bool
command_take_reply(void *argument, const struct control_reply *reply)
{
	struct shown *shown = argument;

	if (reply->status != EX_OK)
		command_show_error(shown, reply);
	else if (reply->text_length > 0)
		output_write(shown->output, (const char *)reply->text, reply->text_length);
	if (reply->final)
		output_plain(shown->context->prompt, sizeof(shown->context->prompt), reply->prompt);
	return !shown->output->quit;
}

int
command_run(struct command_context *context, const char *line)
{
	char message[OUTPUT_ERROR_MAX];
	struct output output;
	struct shown shown = {.context = context, .output = &output};
	unsigned status = EX_OK;
	size_t length;
	char *asked;
	int error;

	if (!output_init(&output, stdout, context->page, line, &length, message)) {
		fprintf(stderr, "%s%s\n", context->origin, message);
		return EX_USAGE;
	}
	asked = strndup(line, length);
	if (asked == NULL) {
		output_finish(&output);
		return EX_OSERR;
	}
	shown.line = asked;
	error = client_ask(context->client, CONTROL_EXECUTE, asked, context->json,
	    command_take_reply, &shown, &status);
	output_finish(&output);
	free(asked);
	context->lost = error != 0 && error != EX_DATAERR;
	return error != 0 ? error : (int)status;
}

enum command_read
command_read_line(FILE *file, char line[COMMAND_LINE_MAX])
{
	bool refused = false;
	size_t length = 0;
	int byte;

	while ((byte = getc(file)) != EOF && byte != '\n') {
		if (byte == '\0' || length == COMMAND_LINE_MAX - 1)
			refused = true;
		else
			line[length++] = (char)byte;
	}
	if (byte == EOF && length == 0 && !refused)
		return COMMAND_READ_END;
	while (length > 0 && line[length - 1] == '\r')
		length--;
	line[length] = '\0';
	return refused ? COMMAND_READ_REFUSED : COMMAND_READ_LINE;
}

static bool
command_append(char *line, size_t size, size_t *length, const char *text, size_t count)
{
	if (count >= size - *length)
		return false;
	memcpy(line + *length, text, count);
	*length += count;
	line[*length] = '\0';
	return true;
}

static bool
command_append_quoted(char *line, size_t size, size_t *length, const char *word)
{
	if (!command_append(line, size, length, "\"", 1))
		return false;
	for (; *word != '\0'; word++) {
		if ((*word == '"' || *word == '\\') && !command_append(line, size, length, "\\", 1))
			return false;
		if (!command_append(line, size, length, word, 1))
			return false;
	}
	return command_append(line, size, length, "\"", 1);
}

bool
command_join(char *line, size_t size, char *const *words, int count)
{
	size_t length = 0;

	line[0] = '\0';
	for (int i = 0; i < count; i++) {
		/* A single argument may be a whole line: it is not quoted again. */
		bool quote = count > 1 && (words[i][0] == '\0' || strpbrk(words[i], " \"") != NULL);

		if (i > 0 && !command_append(line, size, &length, " ", 1))
			return false;
		if (quote ? !command_append_quoted(line, size, &length, words[i])
			  : !command_append(line, size, &length, words[i], strlen(words[i])))
			return false;
	}
	return true;
}
