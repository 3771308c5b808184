"""Two hosts of a pair, each in a network of its own, joined by a third one through which all packets go."""

import contextlib
import os
import signal
import socket
import subprocess

from harness import Gateway, check, process_lives, wait_until
from network import CLONE_NEWNET, call
from registry import Skip

KEY = "0123456789abcdef" * 4 + "\n"
HOSTS = {"mx1": ("10.97.1.1", "10.97.1.254"), "mx2": ("10.97.2.1", "10.97.2.254")}


def ip(*words, fails=False):
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode != 0 and not fails:
        raise Skip("ip %s: %s" % (" ".join(words), done.stderr.strip()))


class Host(Gateway):
    """One of them: a gateway with a failover group, and keepalived's FIFO."""

    floating = ("192.0.2.10",)

    def __init__(self, world, wire, name, other, changed):
        super().__init__(world.build, world.folder, "", 1, None, name)
        self.prefix = wire.prefix(name)
        self.fifo = os.path.join(self.folder, "notify")
        self.key = os.path.join(self.folder, "key")
        self.group = {
            "node": name, "peer_node": other, "listen": HOSTS[name][0] + ":7925",
            "peer": HOSTS[other][0] + ":7925", "key_file": self.key, "fifo": self.fifo,
        }
        self.group.update(changed)
        self.write_key(KEY)

    def write_key(self, text):
        with open(self.key, "w") as file:
            file.write(text)
        os.chmod(self.key, 0o600)

    def write_conf(self):
        words = "".join('  %s = "%s";\n' % pair for pair in self.group.items())
        listed = ", ".join('"%s"' % address for address in self.floating)
        self.settings = "failover: {\n%s  addresses = [%s];\n};\n" % (words, listed)
        super().write_conf()

    def launch(self):
        self.make_door()
        super().launch()

    def make_door(self):
        """As its unit does before the daemon."""
        self.write_conf()
        done = subprocess.run(self.prefix + [self.program("smtpguardd"), "-c", self.conf, "--door", "install"],
                              capture_output=True, text=True)
        check(done.returncode == 0, "the door cannot be made: " + done.stdout + done.stderr)

    def keepalived(self, word):
        """As keepalived does, which holds its end open."""
        with open(self.fifo, "w") as fifo:
            fifo.write('INSTANCE "VI_1" %s 100\n' % word)

    def says(self, text, seconds=20):
        wait_until(lambda: text in self.log(), "%s says: %s" % (os.path.basename(self.folder), text),
                   seconds)

    def said(self, text):
        return self.log().count(text)

    def _pid(self, role):
        """0: there is none."""
        try:
            with open(os.path.join(self.runtime, "workers")) as file:
                lines = [line.split() for line in file.read().splitlines()[1:]]
        except OSError:
            return 0
        return next((int(line[2]) for line in lines if line[0] == role), 0)

    def sync(self):
        return self._pid("sync")

    def gate(self):
        return self._pid("gate")

    def track(self):
        try:
            with open(os.path.join(self.runtime, "pair/track")) as file:
                return int(file.read())
        except (OSError, ValueError):
            return None

    def kill_sync(self):
        """kill -9; the pid of the next one."""
        pid = self.sync()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: self.sync() not in (0, pid) and process_lives(self.sync()),
                   "another sync process is started")
        return self.sync()

    def kill_gate(self):
        """kill -9; its pid."""
        pid = self.gate()
        os.kill(pid, signal.SIGKILL)
        return pid


class Wire:
    """The three networks; a context manager."""

    def __init__(self):
        self.mark = "sg%d" % os.getpid()

    def namespace(self, name):
        return "%s-%s" % (self.mark, name)

    def __enter__(self):
        try:
            self._make()
        except Skip:
            self.__exit__()
            raise
        return self

    def _make(self):
        middle = self.namespace("wire")
        ip("netns", "add", middle)
        ip("-n", middle, "link", "set", "lo", "up")
        for name, (address, gate) in HOSTS.items():
            own = self.namespace(name)
            ip("netns", "add", own)
            ip("-n", own, "link", "set", "lo", "up")
            ip("-n", own, "link", "add", "eth0", "type", "veth", "peer", "name", name, "netns", middle)
            for where, device, given in ((own, "eth0", address), (middle, name, gate)):
                ip("-n", where, "address", "add", given + "/24", "dev", device)
                ip("-n", where, "link", "set", device, "up")
            ip("-n", own, "route", "add", "default", "via", gate)
        self.run("sysctl", "-qw", "net.ipv4.ip_forward=1")

    def __exit__(self, *_):
        for name in ["wire", *HOSTS]:
            ip("netns", "del", self.namespace(name), fails=True)

    def prefix(self, where="wire"):
        """What starts a program there."""
        return ["nsenter", "--net=/run/netns/" + self.namespace(where)]

    def run(self, *words, where="wire"):
        done = subprocess.run(self.prefix(where) + list(words), capture_output=True, text=True)
        check(done.returncode == 0, "%s: %s" % (" ".join(words), done.stderr))

    def popen(self, *words, where="wire"):
        return subprocess.Popen(self.prefix(where) + list(words), stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True, bufsize=1)

    @contextlib.contextmanager
    def inside(self, where="wire"):
        """Sockets that are made meanwhile are of that network."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open("/run/netns/" + self.namespace(where), os.O_RDONLY)
        call("setns", there, CLONE_NEWNET)
        try:
            yield
        finally:
            call("setns", own, CLONE_NEWNET)
            os.close(own)
            os.close(there)

    def connect(self, target):
        """A connection under way from the wire, so not from the peer's address."""
        with self.inside():
            link = socket.socket()
            link.setblocking(False)
            link.connect_ex(target)
            return link

    def cut(self):
        for address, _ in HOSTS.values():
            ip("-n", self.namespace("wire"), "route", "add", "blackhole", address + "/32")

    def join(self):
        for address, _ in HOSTS.values():
            ip("-n", self.namespace("wire"), "route", "del", "blackhole", address + "/32")


def pair(world, **changed):
    """(wire, mx1, mx2), both started; changed: {name: {key: value}} of the failover groups."""
    wire = world.keep(Wire())
    wire.__enter__()
    hosts = []
    for name, other in (("mx1", "mx2"), ("mx2", "mx1")):
        host = Host(world, wire, name, other, changed.get(name, {}))
        world.gateways.append(host)
        hosts.append(world.keep(host))
    return (wire, *hosts)
