"""keepalived on the two hosts of a pair, as it is shipped, and the network in which their address floats."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess

from harness import ROOT, check, end_process, wait_until
from registry import Skip
from two_hosts import HOSTS, ip, pair

FLOATING = "192.0.2.10", "2001:db8::10"
LAN = {"mx1": ("192.0.2.1", "2001:db8::1"), "mx2": ("192.0.2.2", "2001:db8::2")}
CLIENT = "192.0.2.100", "2001:db8::100"
BODY = os.path.join(ROOT, "packaging/keepalived/pair.conf")


class Lan:
    """A switch in the middle network and a cable from each host to it; the middle is the client as well."""

    def __init__(self, wire):
        self.wire = wire
        middle = wire.namespace("wire")
        ip("-n", middle, "link", "add", "lan", "type", "bridge")
        self._addresses(middle, CLIENT)
        for name in HOSTS:
            own = wire.namespace(name)
            ip("-n", own, "link", "add", "lan", "type", "veth", "peer", "name", "lan-" + name, "netns", middle)
            ip("-n", middle, "link", "set", "lan-" + name, "master", "lan", "up")
            self._addresses(own, LAN[name])

    def _addresses(self, namespace, addresses):
        for address in addresses:
            words = ["address", "add", address + ("/64" if ":" in address else "/24"), "dev", "lan"]
            ip("-n", namespace, *words, *(["nodad"] if ":" in address else []))
        ip("-n", namespace, "link", "set", "lan", "up")

    def cut(self, name):
        """At the switch: the host itself sees its cable without a carrier."""
        ip("-n", self.wire.namespace("wire"), "link", "set", "lan-" + name, "down")

    def join(self, name):
        ip("-n", self.wire.namespace("wire"), "link", "set", "lan-" + name, "up")

    def has(self, name):
        """Which of the floating addresses that host has."""
        shown = subprocess.run(["ip", "-j", "-n", self.wire.namespace(name), "address", "show", "dev", "lan"],
                               check=True, capture_output=True, text=True).stdout
        given = {entry.get("local") for link in json.loads(shown) for entry in link.get("addr_info", [])}
        return [address for address in FLOATING if address in given]


class Keepalived:
    """The real one on one host, with the shipped configuration; a context manager."""

    def __init__(self, host, lan):
        if shutil.which("keepalived") is None:
            raise Skip("keepalived is not installed")
        self.host, self.lan = host, lan
        self.name = host.group["node"]
        self.conf = os.path.join(host.folder, "keepalived.conf")
        self.log_path = os.path.join(host.folder, "keepalived.log")
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process is not None:
            end_process(self.process)

    def write_conf(self, own=0, **changed):
        """own: 0 advertises by IPv4, 1 by IPv6."""
        other = next(name for name in HOSTS if name != self.name)
        with_length = [address + ("/64" if ":" in address else "/24") for address in FLOATING]
        words = {
            "RUNTIME": self.host.runtime, "CTL": self.host.program("smtpguardctl"), "INTERFACE": "lan",
            "OWN_ADDRESS": LAN[self.name][own], "PEER_ADDRESS": LAN[other][own], "ROUTER_ID": "25",
            "PRIORITY": "100", "ADDRESSES": with_length[own], "MORE_ADDRESSES": with_length[1 - own], **changed,
        }
        with open(self.conf, "w") as file:
            file.writelines("$%s=%s\n" % pair for pair in words.items())
            file.write("include %s\n" % BODY)

    def take_conf(self, text, **changed):
        """A whole file as it is installed, with what lies elsewhere here."""
        changed["CTL"] = self.host.program("smtpguardctl")
        for name, value in changed.items():
            text, places = re.subn(r"(?m)^\$%s=.*$" % name, "$%s=%s" % (name, value), text)
            check(places == 1, "there is no $%s in: %s" % (name, text))
        text, places = re.subn(r"(?m)^include .*/share/smtpguard/keepalived/pair.conf$", "include " + BODY, text)
        check(places == 1, "pair.conf is not included in: " + text)
        with open(self.conf, "w") as file:
            file.write(text)

    def words(self, *more):
        return self.host.prefix + ["keepalived", "-f", self.conf, *more]

    def start(self):
        if not os.path.exists(self.conf):
            self.write_conf()
        pids = [word for option, name in (("-p", "parent"), ("-r", "vrrp"))
                for word in (option, self.pid_file(name))]
        with open(self.log_path, "a") as log:
            self.process = subprocess.Popen(self.words("-n", "-l", "-D", *pids), stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, start_new_session=True)

    def pid_file(self, name):
        return os.path.join(self.host.folder, "keepalived-" + name)

    def kill(self):
        """kill -9 of all its processes: nobody takes the address away.  Pid files a host that comes back does
        not find either: another keepalived would take whoever has that number for itself."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for name in ("parent", "vrrp"):
            with contextlib.suppress(FileNotFoundError):
                os.remove(self.pid_file(name))

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def has_address(self):
        return self.lan.has(self.name) == list(FLOATING)

    def has_none(self):
        return not self.lan.has(self.name)

    def gets_address(self, seconds=20):
        wait_until(self.has_address, "%s has the address: %s" % (self.name, self.log()[-600:]), seconds)


def floating_pair(world, **group):
    """(lan, first, second): both hosts run and are connected, keepalived is not yet started.  group: of both
    failover groups."""
    changed = {name: {"fifo": os.path.join(world.folder, name, "run/notify.fifo"), **group} for name in HOSTS}
    wire, *hosts = pair(world, **changed)
    for host in hosts:
        host.floating = FLOATING
    lan = Lan(wire)
    return (lan, *(world.keep(Keepalived(host, lan)) for host in hosts))
