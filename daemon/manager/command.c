#include "daemon/manager/command.h"

#include "daemon/manager/command_action.h"
#include "daemon/manager/event_note.h"
#include "daemon/manager/show_events.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define CANDIDATES_MAX 128
#define LEFT_OUT_TEXT  "% Events were left out: this connection is too slow\n"

_Static_assert(CANDIDATES_MAX <= CONTROL_CANDIDATES_MAX, "candidates fit in a reply");

/* A request under way. */
struct command {
	struct manager *manager;
	struct control_client *client;
	const struct control_request *request;
	struct text out;
	int status;
	unsigned column;
	bool open; /* more replies will follow: the reply is not final */
};

static void
answer(struct command *command, const struct control_candidate *candidates, unsigned count)
{
	char prompt[128];

	if (command->out.overflow) {
		text_free(&command->out);
		text_add_string(&command->out, "% The answer is too long just now, try again\n");
		command->status = EX_TEMPFAIL;
	}
	cli_prompt(
	    &command->client->place, command->manager->running.config, prompt, sizeof(prompt));
	if (command->client->closing) /* no prompt: the dialogue is over */
		prompt[0] = '\0';
	struct control_reply reply = {
	    .id = command->request->id,
	    .status = (uint32_t)command->status,
	    .final = !command->open,
	    .error_column = command->column,
	    .text = (const uint8_t *)text_string(&command->out),
	    .text_length = command->out.length,
	    .prompt = prompt,
	    .candidates = count,
	    .candidate = candidates,
	};
	control_client_reply(command->client, &reply);
}

static void
refuse(struct command *command, int status, const char *message)
{
	text_clear(&command->out);
	text_printf(&command->out, "%% %s\n", message);
	command->status = status;
}

static bool
line_is_sound(const char *line)
{
	size_t length = strlen(line);

	if (length > CLI_LINE_MAX)
		return false;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)line[i] < 0x20 && line[i] != '\t')
			return false;
	return true;
}

/* *out is the reason. */
static void
refuse_for(struct command *command)
{
	struct text reason = command->out;

	text_init(&command->out, reason.most);
	refuse(command, EX_DATAERR, text_string(&reason));
	text_free(&reason);
}

static void
warn_of_timer(struct command *command)
{
	struct text words;

	text_init(&words, CLI_LINE_MAX);
	if (commit_is_unconfirmed(&command->manager->commit, &words))
		text_printf(
		    &command->out, "WARNING: %s, and this line with it\n", text_string(&words));
	text_free(&words);
}

/* The line was carried out on `next`, the place of the mode after it is `place`. */
static void
take_change(struct command *command, const struct cli_place *place, struct config **next)
{
	struct manager *manager = command->manager;

	if (!running_change(&manager->running, *next, &command->out)) {
		refuse_for(command);
		return;
	}
	*next = NULL;
	command->client->place = *place;
	if (command->out.length > 0)
		text_add_string(&command->out, "\n");
	warn_of_timer(command);
	event_note(&manager->shm, EVENT_NOTE_CONFIG_CHANGED, 0, command->client->peer.name,
	    command->request->line, NULL);
}

static void
take_candidate(struct command *command, const struct cli_place *place, struct config **next)
{
	struct manager *manager = command->manager;
	const char *by = command->client->peer.name;

	if (!commit_collect(&manager->commit, *next, by, &command->out)) {
		refuse_for(command);
		return;
	}
	*next = NULL;
	command->client->place = *place;
}

static void
refuse_on_standby(struct command *command, const char *active)
{
	char message[sizeof(PAIR_CONFIG_STANDBY_TEXT) + PAIR_NAME_MAX];

	snprintf(message, sizeof(message), PAIR_CONFIG_STANDBY_TEXT, active);
	refuse(command, EX_UNAVAILABLE, message);
}

static void
take_done(struct command *command, const struct cli_place *place, const struct cli_outcome *outcome,
    struct config **next)
{
	bool may_change = command->client->peer.may_change;
	const char *active;

	if (!may_change && (outcome->changed || place->mode != CLI_VIEW)) {
		refuse(command, EX_NOPERM,
		    "Permission denied: root and the group " PEER_ADMIN_GROUP " may change");
		return;
	}
	if (outcome->changed && (active = pair_config_active(&command->manager->pair)) != NULL)
		refuse_on_standby(command, active);
	else if (outcome->changed && command->client->place.candidate)
		take_candidate(command, place, next);
	else if (outcome->changed)
		take_change(command, place, next);
	else
		command->client->place = *place;
	if (command->status == EX_OK && outcome->message[0] != '\0')
		text_printf(&command->out, "%s\n", outcome->message);
}

static void
take_action(
    struct command *command, const struct cli_place *place, const struct cli_outcome *outcome)
{
	struct command_action action = {
	    .manager = command->manager,
	    .client = command->client,
	    .request = command->request,
	    .outcome = outcome,
	    .out = &command->out,
	};

	if (cli_action_writes(outcome->action) && !command->client->peer.may_change) {
		refuse(command, EX_NOPERM,
		    "Permission denied: root and the group " PEER_ADMIN_GROUP " may change");
		return;
	}
	command->client->place = *place;
	command->status = command_action_run(&action);
	command->open = command->client->following &&
			command->client->follow_id == command->request->id &&
			command->status == EX_OK;
}

static void
take_error(struct command *command, const struct cli_outcome *outcome)
{
	switch (outcome->status) {
	case CLI_INVALID:
		refuse(command, EX_USAGE, "Invalid input detected at '^' marker.");
		break;
	case CLI_AMBIGUOUS:
		refuse(command, EX_USAGE, "Ambiguous command");
		break;
	case CLI_INCOMPLETE:
		refuse(command, EX_USAGE, "Incomplete command.");
		break;
	default:
		refuse(command, EX_DATAERR, outcome->message);
		break;
	}
	command->column = outcome->column;
}

/* The configuration that the lines of this connection are about. */
static const struct config *
worked_on(const struct command *command)
{
	const struct manager *manager = command->manager;

	return command->client->place.candidate ? commit_candidate(&manager->commit)
						: manager->running.config;
}

static void
execute(struct command *command)
{
	struct cli_place place = command->client->place;
	struct cli_outcome outcome = {0};
	struct config *next = config_clone(worked_on(command));

	if (next == NULL) {
		refuse(command, EX_TEMPFAIL, "Out of memory");
		return;
	}
	cli_execute(&place, next, command->request->line, &outcome);
	if (outcome.status == CLI_DONE)
		take_done(command, &place, &outcome, &next);
	else if (outcome.status == CLI_ACTION)
		take_action(command, &place, &outcome);
	else
		take_error(command, &outcome);
	if (next != NULL)
		config_free(next);
}

static void
assist(struct command *command)
{
	struct cli_candidate found[CANDIDATES_MAX];
	struct control_candidate candidates[CANDIDATES_MAX];
	const struct config *config = worked_on(command);
	const struct cli_place *place = &command->client->place;
	const char *line = command->request->line;
	unsigned count = command->request->kind == CONTROL_HELP
			     ? cli_help(place, config, line, found, CANDIDATES_MAX)
			     : cli_complete(place, config, line, found, CANDIDATES_MAX);

	for (unsigned i = 0; i < count && i < CANDIDATES_MAX; i++)
		candidates[i] = (struct control_candidate){
		    found[i].word, found[i].help == NULL ? "" : found[i].help};
	answer(command, candidates, count);
}

static void
end_follow(struct control_client *client)
{
	struct control_reply reply = {.id = client->follow_id, .final = true, .prompt = ""};

	if (!client->following)
		return;
	client->following = false;
	control_client_reply(client, &reply);
}

void
command_request(void *context, struct control_client *client, const struct control_request *request)
{
	struct command command = {
	    .manager = context,
	    .client = client,
	    .request = request,
	    .status = EX_OK,
	};

	/* Whatever is asked next ends following: it is how a client stops it. */
	end_follow(client);
	text_init(&command.out, control_server_room(client->server));
	if (!line_is_sound(request->line))
		refuse(&command, EX_DATAERR, "The line is too long or holds control characters");
	else if (request->kind != CONTROL_EXECUTE) {
		assist(&command);
		text_free(&command.out);
		return;
	} else {
		execute(&command);
	}
	answer(&command, NULL, 0);
	text_free(&command.out);
}

static void
tell(struct control_client *client, const char *text, size_t length)
{
	struct control_reply reply = {
	    .id = client->follow_id,
	    .text = (const uint8_t *)text,
	    .text_length = length,
	    .prompt = "",
	};

	control_client_reply(client, &reply);
}

void
command_follow(void *context, const struct event *event)
{
	struct manager *manager = context;

	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct control_client *client = manager->control.client[i];
		struct text line;

		if (client == NULL || !client->following || client->closing)
			continue;
		/* A slow follower loses events rather than memory, and is told once it reads. */
		if (control_client_pending(client) > CONTROL_OUTPUT_HIGH) {
			client->follow_lost = true;
			continue;
		}
		if (client->follow_lost && !client->follow_json)
			tell(client, LEFT_OUT_TEXT, sizeof(LEFT_OUT_TEXT) - 1);
		client->follow_lost = false;
		text_init(&line, 4096);
		show_event_line(event, client->follow_json, &line);
		if (line.length > 0)
			tell(client, line.data, line.length);
		text_free(&line);
	}
}

void
command_follow_flush(struct manager *manager)
{
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct control_client *client = manager->control.client[i];

		if (client != NULL && client->following)
			control_client_flush(client);
	}
}
