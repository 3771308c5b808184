#include "daemon/sync/witness.h"

#include "daemon/sync/peer_socket.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

static void
leave(struct witness *witness)
{
	if (witness->source.fd < 0)
		return;
	loop_remove(witness->loop, &witness->source);
	close(witness->source.fd);
	witness->source.fd = -1;
}

static bool
is_answer(int error)
{
	return error == 0 || error == -ECONNREFUSED || error == -ECONNRESET;
}

static void
ready(struct loop_source *source, uint32_t events)
{
	struct witness *witness =
	    (struct witness *)((char *)source - offsetof(struct witness, source));
	bool answers = is_answer(peer_socket_error(source->fd));

	(void)events;
	leave(witness);
	witness->told(witness, answers);
}

void
witness_init(struct witness *witness, struct loop *loop, const struct shm_endpoint *from,
    const struct shm_endpoint *to, witness_told *told)
{
	*witness = (struct witness){
	    .source = {-1, ready}, .loop = loop, .from = *from, .to = *to, .told = told};
}

void
witness_close(struct witness *witness)
{
	leave(witness);
}

void
witness_tick(struct witness *witness, uint64_t now_us)
{
	if (witness->to.family == 0 ||
	    (witness->asked_us != 0 && now_us - witness->asked_us < WITNESS_ASK_US))
		return;
	bool is_silent = witness->source.fd >= 0;
	leave(witness);
	if (is_silent)
		witness->told(witness, false);
	witness->asked_us = now_us;
	int fd = peer_socket_connect(&witness->from, &witness->to);
	if (fd < 0) {
		witness->told(witness, is_answer(fd));
		return;
	}
	witness->source.fd = fd;
	if (loop_add(witness->loop, &witness->source, EPOLLOUT) == 0)
		return;
	close(fd);
	witness->source.fd = -1;
}
