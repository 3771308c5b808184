#include "ctl/client.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

/* Statuses are those of sysexits.h. */
#define STATUS_MAX 125u

struct client {
	int socket;
	uint32_t last_id;
	bool interruptible;
	bool stopping;	  /* the rest of the answer is not wanted; the empty line was sent */
	sigset_t outside; /* signals as they are let in while nothing is asked */
	struct control_decoder *decoder;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	size_t received; /* bytes in buffer */
	uint8_t buffer[CONTROL_REPLY_FRAME_MAX];
};

/* Only the signal's handler sets it. */
static volatile sig_atomic_t client_interrupted;

static int
client_report(const char *path, int error)
{
	fprintf(stderr, "smtpguardctl: %s: %s\n", path,
	    error == ENOENT || error == ECONNREFUSED
		? "no smtpguard listens on this socket (is smtpguardd running?)"
		: strerror(error));
	return error == EACCES || error == EPERM ? EX_NOPERM : EX_UNAVAILABLE;
}

int
client_open(const char *path, struct client **ret_client)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct client *client;
	size_t length = strlen(path);
	int error;

	if (length == 0 || length >= sizeof(address.sun_path)) {
		fprintf(stderr, "smtpguardctl: %s: no usable socket path\n", path);
		return EX_USAGE;
	}
	client = calloc(1, sizeof(*client));
	if (client == NULL)
		return client_report(path, ENOMEM);
	memcpy(client->path, path, length);
	memcpy(address.sun_path, path, length);
	client->decoder = control_decoder_create();
	client->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->decoder == NULL || client->socket < 0 ||
	    connect(client->socket, (struct sockaddr *)&address, sizeof(address)) < 0) {
		error = client_report(path, errno);
		client_close(client);
		return error;
	}
	*ret_client = client;
	return 0;
}

void
client_close(struct client *client)
{
	if (client == NULL)
		return;
	if (client->socket >= 0)
		close(client->socket);
	control_decoder_destroy(client->decoder);
	free(client);
}

static void
client_note_interrupt(int number)
{
	(void)number;
	client_interrupted = 1;
}

void
client_catch_interrupt(struct client *client)
{
	/* No SA_RESTART: whoever waits is to look. */
	struct sigaction action = {.sa_handler = client_note_interrupt};

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	client->interruptible = true;
}

/* While an answer is read the signal comes in only where client_wait() stands. */
static void
client_hold_interrupts(struct client *client)
{
	sigset_t interrupt;

	client->stopping = false;
	client_interrupted = 0;
	sigemptyset(&interrupt);
	if (client->interruptible)
		sigaddset(&interrupt, SIGINT);
	sigprocmask(SIG_BLOCK, &interrupt, &client->outside);
}

static int
client_send(struct client *client, const struct control_request *request)
{
	size_t size = control_request_size(request), sent = 0;
	uint8_t *frame;

	if (size == 0 || (frame = malloc(size)) == NULL) {
		fprintf(stderr, "smtpguardctl: the line is too long\n");
		return EX_DATAERR;
	}
	size = control_encode_request(request, frame, size);
	while (sent < size) {
		ssize_t n = send(client->socket, frame + sent, size - sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			free(frame);
			return client_report(client->path, errno);
		}
		sent += (size_t)n;
	}
	free(frame);
	return 0;
}

/* Asks the next thing, which ends what is being answered; replies to that are passed over. */
static int
client_stop(struct client *client)
{
	struct control_request request = {.kind = CONTROL_EXECUTE, .line = ""};

	if (client->stopping)
		return 0;
	client->stopping = true;
	request.id = ++client->last_id;
	return client_send(client, &request);
}

/* Until there is something to read. */
static int
client_wait(struct client *client)
{
	struct pollfd readable = {.fd = client->socket, .events = POLLIN};

	while (ppoll(&readable, 1, NULL, &client->outside) < 0) {
		int error = errno == EINTR ? 0 : client_report(client->path, errno);

		if (error == 0 && client_interrupted)
			error = client_stop(client);
		if (error != 0)
			return error;
	}
	return 0;
}

/* Reads more into the buffer. */
static int
client_fill(struct client *client)
{
	ssize_t n;
	int error = client_wait(client);

	if (error != 0)
		return error;
	do
		n = read(client->socket, client->buffer + client->received,
		    sizeof(client->buffer) - client->received);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return client_report(client->path, errno);
	if (n == 0) {
		fprintf(stderr, "smtpguardctl: %s: the manager has closed the connection\n",
		    client->path);
		return EX_UNAVAILABLE;
	}
	client->received += (size_t)n;
	return 0;
}

static int
client_take_reply(struct client *client, client_reply_f *take, void *context, unsigned *ret_status,
    bool *ret_final)
{
	struct control_reply reply;
	size_t size;
	int error;

	for (;;) {
		switch (control_decode_reply(
		    client->decoder, client->buffer, client->received, &reply, &size)) {
		case CONTROL_MORE:
			error = client_fill(client);
			if (error != 0)
				return error;
			continue;
		case CONTROL_READY:
			break;
		case CONTROL_BAD_FRAME:
		case CONTROL_BAD_MESSAGE:
			fprintf(stderr, "smtpguardctl: %s: what answers there is not smtpguard\n",
			    client->path);
			return EX_PROTOCOL;
		}
		break;
	}
	error = 0;
	if (reply.id == client->last_id || reply.id == 0) {
		/* An exit code has a byte: 256 is not to look like success. */
		*ret_status = reply.status <= STATUS_MAX ? reply.status : EX_PROTOCOL;
		*ret_final = reply.final;
		if (!take(context, &reply) && !reply.final)
			error = client_stop(client);
	}
	client->received -= size;
	memmove(client->buffer, client->buffer + size, client->received);
	return error;
}

int
client_ask(struct client *client, enum control_kind kind, const char *line, bool json,
    client_reply_f *take, void *context, unsigned *ret_status)
{
	struct control_request request = {
	    .id = ++client->last_id, .kind = kind, .line = line, .json = json};
	bool final = false;
	int error;

	client_hold_interrupts(client);
	error = client_send(client, &request);
	while (error == 0 && !final)
		error = client_take_reply(client, take, context, ret_status, &final);
	sigprocmask(SIG_SETMASK, &client->outside, NULL);
	return error;
}
