"""What systemd does for the service, as far as it matters: the descriptor store and notifications."""

import array
import os
import socket
import sys
import threading

from harness import wait_until

# Puts the descriptors that it is given where LISTEN_FDS says, then becomes the program.
STARTER = """
import fcntl, os, sys
names, given = sys.argv[1], [int(fd) for fd in sys.argv[2].split(",") if fd]
high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 300) for fd in given]
for number, fd in enumerate(high):
    os.dup2(fd, 3 + number)
os.closerange(3 + len(high), 400)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(high)), LISTEN_FDNAMES=names)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Service:
    """A context manager; attach() it to a gateway before each start of it."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.store = []  # (name, descriptor)
        self.said = []
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(5)
        self.socket.close()
        for _, fd in self.store:
            os.close(fd)

    def _listen(self):
        room = socket.CMSG_SPACE(253 * array.array("i").itemsize)
        while True:
            text, control, _, _ = self.socket.recvmsg(4096, room)
            if not text:
                return
            fds = array.array("i")
            for level, kind, data in control:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    fds.frombytes(data)
            self._take(dict(line.split("=", 1) for line in text.decode().splitlines()), list(fds))

    def _take(self, values, fds):
        name = values.get("FDNAME")
        if "FDSTOREREMOVE" in values:
            for kept in [entry for entry in self.store if entry[0] == name]:
                self.store.remove(kept)
                os.close(kept[1])
        if "FDSTORE" in values:
            self.store += [(name, fd) for fd in fds]
        else:
            for fd in fds:
                os.close(fd)
        self.said.append(values)

    def names(self):
        return sorted(name for name, _ in self.store)

    def wait_for(self, key, value):
        wait_until(lambda: any(values.get(key) == value for values in self.said),
                   "the service says %s=%s" % (key, value))

    def attach(self, gateway, **environment):
        kept = list(self.store)
        gateway.prefix = [sys.executable, "-c", STARTER, ":".join(name for name, _ in kept),
                          ",".join(str(fd) for _, fd in kept)]
        gateway.pass_fds = [fd for _, fd in kept]
        gateway.environment = dict(os.environ, NOTIFY_SOCKET=self.path, **environment)
