"""A network of its own for a scenario, so that it may have addresses that the host has not."""

import ctypes
import os
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
