#include "tests/tools/control_peer.h"

#include "ctl/client.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct control_peer {
	struct client *client;
	const char *path;
	char *text;
	size_t length;
};

struct control_peer *
control_peer_open(const char *path)
{
	struct control_peer *peer = calloc(1, sizeof(*peer));

	if (peer == NULL)
		err(EX_OSERR, "memory");
	peer->path = path;
	if (client_open(path, &peer->client) != 0)
		exit(EX_UNAVAILABLE);
	return peer;
}

void
control_peer_close(struct control_peer *peer)
{
	client_close(peer->client);
	free(peer->text);
	free(peer);
}

static bool
take(void *context, const struct control_reply *reply)
{
	struct control_peer *peer = context;
	char *text = realloc(peer->text, peer->length + reply->text_length + 1);

	if (text == NULL)
		err(EX_OSERR, "memory");
	if (reply->text_length > 0)
		memcpy(text + peer->length, reply->text, reply->text_length);
	peer->text = text;
	peer->length += reply->text_length;
	text[peer->length] = '\0';
	return true;
}

json_t *
control_peer_ask(struct control_peer *peer, const char *line)
{
	unsigned status;
	json_error_t error;
	json_t *value;

	peer->length = 0;
	if (client_ask(peer->client, CONTROL_EXECUTE, line, true, take, peer, &status) != 0)
		exit(EX_UNAVAILABLE);
	if (status != EX_OK)
		errx(EX_PROTOCOL, "%s: `%s` gave %u: %s", peer->path, line, status, peer->text);
	value = json_loads(peer->text, 0, &error);
	if (value == NULL)
		errx(EX_PROTOCOL, "%s: `%s`: %s", peer->path, line, error.text);
	return value;
}
