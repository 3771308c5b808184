#include "daemon/manager/control_server.h"

#include "shm/gateway_clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

static size_t
pending(const struct control_client *client)
{
	return client->output.length - client->output_sent;
}

size_t
control_client_pending(const struct control_client *client)
{
	return pending(client);
}

static void
drop(struct control_client *client)
{
	struct control_server *server = client->server;

	loop_remove(server->loop, &client->source);
	close(client->source.fd);
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (server->client[i] == client)
			server->client[i] = NULL;
	text_free(&client->output);
	free(client->input);
	free(client);
}

size_t
control_server_room(const struct control_server *server)
{
	size_t queued = 0;

	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (server->client[i] != NULL)
			queued += server->client[i]->output.size;
	size_t room = queued < CONTROL_QUEUED_MAX ? CONTROL_QUEUED_MAX - queued : 0;
	/* Framing wants some of the client's own bound. */
	return room < CONTROL_OUTPUT_MAX / 2 ? room : CONTROL_OUTPUT_MAX / 2;
}

static bool
queue_frame(struct control_client *client, const struct control_reply *reply)
{
	size_t size = control_reply_size(reply);
	uint8_t *frame = size > 0 ? malloc(size) : NULL;

	if (frame != NULL && control_encode_reply(reply, frame, size) == size) {
		if (pending(client) == 0)
			client->progress_ms = monotonic_now_ms();
		text_add(&client->output, frame, size);
	} else {
		client->output.overflow = true;
	}
	free(frame);
	/* A client that lost part of an answer cannot be spoken to any more. */
	if (client->output.overflow)
		client->closing = true;
	return !client->output.overflow;
}

bool
control_client_reply(struct control_client *client, const struct control_reply *reply)
{
	struct control_reply piece = *reply;

	if (client->output.overflow)
		return false;
	while (piece.text_length > CONTROL_TEXT_MAX) {
		struct control_reply part = {
		    .id = reply->id,
		    .text = piece.text,
		    .text_length = CONTROL_TEXT_MAX,
		    .prompt = "",
		};

		if (!queue_frame(client, &part))
			return false;
		piece.text += CONTROL_TEXT_MAX;
		piece.text_length -= CONTROL_TEXT_MAX;
	}
	return queue_frame(client, &piece);
}

static void
refuse_input(struct control_client *client)
{
	static const char text[] = "% This is not a request of smtpguardctl\n";
	struct control_reply reply = {
	    .status = EX_DATAERR,
	    .final = true,
	    .text = (const uint8_t *)text,
	    .text_length = sizeof(text) - 1,
	    .prompt = "",
	};

	control_client_reply(client, &reply);
	client->closing = true;
	client->input_length = 0;
}

/* Serves the requests that are there, as long as the client takes the answers. */
static void
serve(struct control_client *client)
{
	struct control_server *server = client->server;
	size_t used = 0;

	while (!client->closing && pending(client) < CONTROL_OUTPUT_HIGH) {
		struct control_request request;
		size_t size = 0;

		switch (control_decode_request(server->decoder, client->input + used,
		    client->input_length - used, &request, &size)) {
		case CONTROL_MORE:
			goto out;
		case CONTROL_READY:
			used += size;
			server->request(server->context, client, &request);
			break;
		case CONTROL_BAD_FRAME:
		case CONTROL_BAD_MESSAGE:
			refuse_input(client);
			return;
		}
	}
out:
	client->input_length -= used;
	memmove(client->input, client->input + used, client->input_length);
}

static bool
send_some(struct control_client *client)
{
	while (pending(client) > 0) {
		ssize_t n = send(client->source.fd, client->output.data + client->output_sent,
		    pending(client), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		client->output_sent += (size_t)n;
		client->progress_ms = monotonic_now_ms();
	}
	return true;
}

/* The memory of what was sent is used again; that of a long answer is given back. */
static void
reclaim(struct control_client *client)
{
	struct text *output = &client->output;

	if (pending(client) > 0 && client->output_sent < CONTROL_OUTPUT_HIGH)
		return;
	if (pending(client) == 0 && output->size > CONTROL_OUTPUT_HIGH && !output->overflow) {
		text_free(output);
	} else {
		output->length = pending(client);
		if (output->length > 0)
			memmove(output->data, output->data + client->output_sent, output->length);
	}
	client->output_sent = 0;
}
static void
watch(struct control_client *client)
{
	uint32_t events = 0;

	if (pending(client) > 0)
		events |= EPOLLOUT;
	if (!client->closing && !client->ended && pending(client) < CONTROL_OUTPUT_HIGH)
		events |= EPOLLIN;
	loop_change(client->server->loop, &client->source, events);
}

void
control_client_flush(struct control_client *client)
{
	bool alive = send_some(client) && !client->output.overflow;

	reclaim(client);
	if (!alive || ((client->closing || client->ended) && pending(client) == 0))
		drop(client);
	else
		watch(client);
}

static bool
receive(struct control_client *client)
{
	size_t room = CONTROL_REQUEST_FRAME_MAX - client->input_length;
	ssize_t n =
	    recv(client->source.fd, client->input + client->input_length, room, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	client->ended = n == 0;
	client->input_length += (size_t)n;
	return true;
}

static void
client_ready(struct loop_source *source, uint32_t events)
{
	struct control_client *client = (struct control_client *)source;

	if ((events & EPOLLERR) != 0 || ((events & EPOLLHUP) != 0 && (events & EPOLLIN) == 0)) {
		drop(client);
		return;
	}
	if ((events & EPOLLIN) != 0 && !receive(client)) {
		drop(client);
		return;
	}
	/* A full queue puts requests off; they are taken up as soon as it has drained. */
	size_t before;
	do {
		before = client->input_length;
		serve(client);
		if (!send_some(client)) {
			drop(client);
			return;
		}
		reclaim(client);
	} while (client->input_length > 0 && client->input_length < before);
	control_client_flush(client);
}

static unsigned
count_clients(const struct control_server *server)
{
	unsigned count = 0;

	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++)
		count += server->client[i] != NULL;
	return count;
}

/* Who may only view leaves some places free: nobody is to lock root out. */
static bool
may_connect(const struct control_server *server, const struct peer *peer)
{
	unsigned most = CONTROL_CLIENTS_MAX - (peer->may_change ? 0 : CONTROL_CLIENTS_KEPT);

	return count_clients(server) < most;
}

static struct control_client *
create_client(struct control_server *server, int fd)
{
	struct control_client *client = calloc(1, sizeof(*client));
	uint8_t *input = malloc(CONTROL_REQUEST_FRAME_MAX);

	if (client == NULL || input == NULL || peer_identify(fd, &client->peer) < 0 ||
	    !may_connect(server, &client->peer)) {
		free(client);
		free(input);
		return NULL;
	}
	client->source = (struct loop_source){fd, client_ready};
	client->server = server;
	client->place.mode = client->peer.may_change ? CLI_EXEC : CLI_VIEW;
	client->input = input;
	text_init(&client->output, CONTROL_OUTPUT_MAX);
	if (loop_add(server->loop, &client->source, EPOLLIN) < 0) {
		free(client);
		free(input);
		return NULL;
	}
	return client;
}

static void
refuse_client(int fd)
{
	static const char text[] = "% Too many control connections\n";
	struct control_reply reply = {
	    .status = EX_TEMPFAIL,
	    .final = true,
	    .text = (const uint8_t *)text,
	    .text_length = sizeof(text) - 1,
	    .prompt = "",
	};
	uint8_t frame[256];
	size_t length = control_encode_reply(&reply, frame, sizeof(frame));

	/* The peer may be gone already; it is closed in any case. */
	if (send(fd, frame, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		errno = 0;
	close(fd);
}

static void
listener_ready(struct loop_source *source, uint32_t events)
{
	struct control_server *server = (struct control_server *)source;

	(void)events;
	int fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		if (server->client[i] != NULL)
			continue;
		server->client[i] = create_client(server, fd);
		if (server->client[i] == NULL)
			refuse_client(fd);
		return;
	}
	refuse_client(fd);
}

int
control_server_open(struct control_server *server, struct loop *loop, int listener,
    void (*request)(
	void *context, struct control_client *client, const struct control_request *request),
    void *context)
{
	*server = (struct control_server){
	    .source = {listener, listener_ready},
	    .loop = loop,
	    .decoder = control_decoder_create(),
	    .request = request,
	    .context = context,
	};
	if (server->decoder == NULL)
		return -ENOMEM;
	return loop_add(loop, &server->source, EPOLLIN);
}

void
control_server_close(struct control_server *server)
{
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (server->client[i] != NULL)
			drop(server->client[i]);
	loop_remove(server->loop, &server->source);
	control_decoder_destroy(server->decoder);
}

void
control_server_tick(struct control_server *server, uint64_t now_ms)
{
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct control_client *client = server->client[i];

		if (client != NULL && pending(client) > 0 &&
		    now_ms - client->progress_ms > CONTROL_STALL_MS)
			drop(client);
	}
}
