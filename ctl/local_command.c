#include "ctl/local_command.h"

#include "ctl/key_command.h"
#include "ctl/setup.h"
#include "ctl/setup_command.h"

#include <stdio.h>
#include <string.h>

static const struct local_command {
	const char *first;
	const char *second;
	const char *help;
	int (*run)(int words, char *const *word);
} commands[] = {
    {"failover", "key", "Make the secret of a pair", key_command_run},
    {"failover", "setup", "Make the configuration of both hosts of a pair", setup_command_run},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

bool
local_command_run(int words, char *const *word, int *ret_status)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (words >= 2 && strcmp(word[0], commands[i].first) == 0 &&
		    strcmp(word[1], commands[i].second) == 0) {
			*ret_status = commands[i].run(words, word);
			return true;
		}
	return false;
}

/* The last word of the line, which may be empty; *ret_before is how many are complete before it. */
static const char *
last_word(const char *line, unsigned *ret_before)
{
	const char *last = line + strspn(line, " ");

	*ret_before = 0;
	for (const char *blank = strchr(last, ' '); blank != NULL; blank = strchr(last, ' ')) {
		last = blank + strspn(blank, " ");
		++*ret_before;
	}
	return last;
}

static void
offer(const char *word, const char *help, const char *begun)
{
	if (strncmp(word, begun, strlen(begun)) == 0)
		printf("%s\t%s\n", word, help);
}

static bool
begins_with(const char *line, const struct local_command *command)
{
	char words[64];
	int length = snprintf(words, sizeof(words), "%s %s ", command->first, command->second);

	return strncmp(line, words, (size_t)length) == 0;
}

void
local_command_complete(const char *line)
{
	unsigned before;
	const char *begun = last_word(line, &before);

	for (size_t i = 0; i < COMMANDS; i++) {
		const struct local_command *command = &commands[i];
		size_t length = strlen(command->first);

		if (before == 1 && strncmp(line, command->first, length) == 0 &&
		    line[length] == ' ')
			offer(command->second, command->help, begun);
		else if (before == 2 && command->run == key_command_run &&
			 begins_with(line, command))
			offer("generate", "A new file with a key", begun);
		else if (before >= 3 && command->run == setup_command_run &&
			 begins_with(line, command))
			for (unsigned key = 0; setup_word(key) != NULL; key++)
				offer(setup_word(key), setup_question(key), begun);
	}
}
