"""A mail server that answers no SYN, and clients of it."""

import socket

FULL_AT = 4  # a backlog of 0 takes one or two


class Deaf:
    """Its backlog is full, so that the gateway's connections to it stay under way."""

    def __init__(self):
        self.sockets = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.knock(self.address, FULL_AT)

    def knock(self, address, times):
        """So many clients, who say nothing and stay."""
        host, port = address.rsplit(":", 1)
        for _ in range(times):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex((host, int(port)))
            self.sockets.append(client)

    def __exit__(self, *_):
        for each in self.sockets + [self.listener]:
            each.close()
        self.sockets = []
