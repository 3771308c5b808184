"""A long way between the switch of the two hosts and all clients and servers."""

import json
import os
import socket
import subprocess
import time

from floating import CLIENT, LAN
from harness import Tool, check
from two_hosts import ip

NEAR, FAR = "near", "far"
NOBODY = LAN["mx1"][0], 9  # listens there
QUEUE = 20000  # frames the kernel keeps for the cable while its process gets no processor


class Distance(Tool):
    """A cable from the switch to another device, which has the clients' addresses from now on; a context manager."""

    def __init__(self, build, folder, lan, rtt_ms, *addresses):
        """addresses: more of them, with their lengths, for the servers."""
        super().__init__(build, "framedelay", [NEAR, FAR, rtt_ms // 2], os.path.join(folder, "framedelay.log"),
                         lan.wire.prefix())
        self.read()
        self.wire, self.rtt_ms = lan.wire, rtt_ms
        self.middle = lan.wire.namespace("wire")
        ip("-n", self.middle, "address", "flush", "dev", "lan")
        for device in (NEAR, FAR):
            ip("-n", self.middle, "link", "set", device, "txqueuelen", str(QUEUE))
        ip("-n", self.middle, "link", "set", NEAR, "master", "lan", "up")
        ip("-n", self.middle, "link", "set", FAR, "up")
        for address in (CLIENT[0] + "/24", CLIENT[1] + "/64", *addresses):
            ip("-n", self.middle, "address", "add", address, "dev", FAR, *(["nodad"] if ":" in address else []))

        self.measure()

    def measure(self):
        """How long an answer takes."""
        with self.wire.inside(), socket.socket() as link:
            began = time.monotonic()
            refused = link.connect_ex(NOBODY)
            took_ms = (time.monotonic() - began) * 1000
        check(refused and took_ms >= self.rtt_ms, "the way there and back takes %.0f ms only" % took_ms)

    def told(self):
        """What it has carried, all of it."""
        figures = self.command("figures")
        shown = json.loads(subprocess.run(["ip", "-j", "-s", "-n", self.middle, "link"], check=True,
                                          capture_output=True, text=True).stdout)
        lost = sum(link["stats64"]["tx"]["dropped"] for link in shown if link["ifname"] in (NEAR, FAR))
        lost += figures["dropped"] + figures["refused"]
        check(lost == 0, "the cable has lost %d frames" % lost)
        return "%d frames, none lost, at most %.0f ms late" % (figures["frames"], figures["late_us"] / 1000)
