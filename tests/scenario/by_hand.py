"""One transaction up to its content, for servers and clients that do with the content what no program does."""

COMMANDS = (b"EHLO client.test\r\n", b"MAIL FROM:<me@example.net>\r\n", b"RCPT TO:<you@example.org>\r\n", b"DATA\r\n")
GREETING = b"220 by hand ESMTP\r\n"
REPLIES = (b"250 by hand\r\n", b"250 2.1.0 Ok\r\n", b"250 2.1.5 Ok\r\n", b"354 Go on\r\n")
TAKEN = b"250 2.0.0 Taken\r\n"
END = b"\r\n.\r\n"


def serve_to_content(link):
    """Reads no octet of the content."""
    link.sendall(GREETING)
    for reply in REPLIES:
        line = b""
        while not line.endswith(b"\r\n"):
            line += link.recv(1)
        link.sendall(reply)


def say_to_content(link):
    link.recv(1000)
    for command in COMMANDS:
        link.sendall(command)
        link.recv(1000)
