"""A network of its own for a scenario, so that it may have addresses that the host has not."""

import contextlib
import ctypes
import os
import socket
import subprocess

from registry import Skip

CLONE_NEWNET = 0x40000000


def call(name, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), name)


class Network:
    """A loopback with these addresses beside its own; whatever is started meanwhile lives in it."""

    def __init__(self, *addresses):
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            call("unshare", CLONE_NEWNET)
        except OSError as error:
            os.close(self.home)
            raise Skip("no network of one's own can be had: %s" % error)
        self.ip("link", "set", "lo", "up")
        for address in addresses:
            self.ip("address", "add", address, "dev", "lo", *(["nodad"] if ":" in address else []))

    def ip(self, *words):
        subprocess.run(["ip", *words], check=True)

    def __exit__(self, *_):
        call("setns", self.home, CLONE_NEWNET)
        os.close(self.home)


class Neighbour:
    """Another network, joined to the present one by a cable; sockets made by socket() live in it.

    here, there: addresses with their prefix lengths, of the two ends of the cable."""

    def __init__(self, here, there):
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        call("unshare", CLONE_NEWNET)
        self.own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        call("setns", self.home, CLONE_NEWNET)
        self.ip("link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns",
                "/proc/%d/fd/%d" % (os.getpid(), self.own))
        self.address(self.ip, here)
        with self.inside():
            self.address(self.ip, there)
            self.ip("link", "set", "lo", "up")

    def ip(self, *words):
        subprocess.run(["ip", *words], check=True)

    def address(self, ip, addresses):
        for address in addresses:
            ip("address", "add", address, "dev", "cable", *(["nodad"] if ":" in address else []))
        ip("link", "set", "cable", "up")

    @contextlib.contextmanager
    def inside(self):
        call("setns", self.own, CLONE_NEWNET)
        try:
            yield
        finally:
            call("setns", self.home, CLONE_NEWNET)

    def socket(self, family):
        with self.inside():
            return socket.socket(family, socket.SOCK_STREAM)

    def __exit__(self, *_):
        os.close(self.own)
        os.close(self.home)
