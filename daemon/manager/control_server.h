/*
 * control_server -- the control socket: clients, their requests, their bounded queues
 *
 * At most CONTROL_CLIENTS_MAX clients; one more is told so and closed.  A client that does not take
 * its answers is not read from, and dropped after CONTROL_STALL_MS without progress.  Bytes that are
 * no request are answered with status EX_DATAERR and the connection is closed; an idle client may
 * stay.  Owned by the manager's loop.
 */
#ifndef DAEMON_MANAGER_CONTROL_SERVER_H
#define DAEMON_MANAGER_CONTROL_SERVER_H

#include "daemon/loop.h"
#include "daemon/manager/peer.h"
#include "daemon/manager/text.h"
#include "daemon/policy/cli.h"
#include "proto/control_codec.h"

#define CONTROL_CLIENTS_MAX  64u
#define CONTROL_CLIENTS_KEPT 8u		 /* of them for those who may change */
#define CONTROL_OUTPUT_HIGH  (1u << 20)	 /* above it no more requests are read */
#define CONTROL_OUTPUT_MAX   (32u << 20) /* of one client */
#define CONTROL_QUEUED_MAX   (64u << 20) /* of all clients */
#define CONTROL_STALL_MS     30000u

struct control_server;

struct control_client {
	struct loop_source source;
	struct control_server *server;
	struct peer peer;
	struct cli_place place;
	uint8_t *input; /* [CONTROL_REQUEST_FRAME_MAX] */
	size_t input_length;
	struct text output;
	size_t output_sent;
	uint64_t progress_ms; /* CLOCK_MONOTONIC, when the queue last moved */
	uint32_t follow_id;   /* request of `show events follow` */
	bool following;
	bool follow_json;
	bool follow_lost; /* events were left out since the last one sent */
	bool closing;	  /* after its queue is sent */
	bool ended;	  /* it will send no more */
};

struct control_server {
	struct loop_source source; /* the listening socket */
	struct loop *loop;
	struct control_decoder *decoder;
	void (*request)(
	    void *context, struct control_client *client, const struct control_request *request);
	void *context;
	struct control_client *client[CONTROL_CLIENTS_MAX];
};

/* listener: listening, non-blocking. 0 or -errno. */
int control_server_open(struct control_server *server, struct loop *loop, int listener,
    void (*request)(
	void *context, struct control_client *client, const struct control_request *request),
    void *context);
void control_server_close(struct control_server *server);
/* Drops the stalled ones. */
void control_server_tick(struct control_server *server, uint64_t now_ms);

/* What one answer may be long now, given all that is queued. */
size_t control_server_room(const struct control_server *server);

/* Queues a reply; a text above CONTROL_TEXT_MAX goes in several. A client whose queue would grow
 * beyond its bound is dropped: false. */
bool control_client_reply(struct control_client *client, const struct control_reply *reply);
size_t control_client_pending(const struct control_client *client); /* bytes queued */
/* Sends what the socket takes. Not from within `request`. */
void control_client_flush(struct control_client *client);

#endif
