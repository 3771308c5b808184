/*
 * address -- "127.0.0.1:2525" and "[::1]:2525" as socket addresses; numbers only
 */
#ifndef TESTS_TOOLS_ADDRESS_H
#define TESTS_TOOLS_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct address {
	struct sockaddr_storage storage;
	socklen_t length;
};

unsigned address_port(const struct sockaddr_storage *address);
bool address_parse(const char *text, size_t length, struct address *ret_address);

#endif
