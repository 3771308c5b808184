/*
 * syn_ack -- the SYN-ACK of another host's embryo, once more
 *
 * A host that takes over cannot know whether the SYN-ACK of an embryo (shm/embryos.h) ever left: its
 * client may still wait for it, and takes nothing else for an answer.  So it gets it again: the same
 * numbers, which are those of the connection that this host has made, and the same options but the window
 * scale.  Without that option neither side scales (RFC 7323 2.2), and this host never heard of the client's
 * scale.  A client that had the first one answers with an ACK (RFC 9293 3.10.7.4).
 *
 * Sent as it is, by a raw socket: the connection that it belongs to is established on this host.  It bears no
 * mark, and meets the door like any packet.  Supervisor only.
 */
#ifndef SUPERVISOR_SYN_ACK_H
#define SUPERVISOR_SYN_ACK_H

#include "shm/embryos.h"

#include <stddef.h>

/* Headers of IP and TCP, and options. */
#define SYN_ACK_MOST (40 + 20 + 16)

/* Pure.  Its length. */
size_t syn_ack_build(const struct embryo *embryo, uint8_t packet[SYN_ACK_MOST]);

/* Of each family; -1: not open. */
struct syn_ack_sockets {
	int ipv4, ipv6;
};

/* Without CAP_NET_RAW nothing is open, and nothing is sent. */
void syn_ack_open(struct syn_ack_sockets *sockets);
void syn_ack_close(struct syn_ack_sockets *sockets);
void syn_ack_send(const struct syn_ack_sockets *sockets, const struct embryo *embryo);

#endif
