"""What the pair bench sends mail through: a standalone host and a pair, at one switch with client and server."""

import os
import re
import subprocess

from floating import FLOATING, Lan
from gateways import descendants
from harness import Failure, Gateway, check, end_process, has_gate, wait_until
from peers import postfix_program
from sync_pair import agree, paired
from two_hosts import HOSTS, ip, pair

PORT = 25
SERVER, ALONE = "192.0.2.101", "192.0.2.3"
TICK_THREADS = re.compile(r"ksoftirqd/")


def process_name(pid):
    """As ps shows it; "" when it has ended."""
    try:
        with open("/proc/%d/comm" % pid) as file:
            return file.read().strip()
    except OSError:
        return ""


def softirq_threads():
    """The kernel's threads that do what did not get done in somebody's context."""
    return [int(pid) for pid in os.listdir("/proc")
            if pid.isdigit() and TICK_THREADS.match(process_name(int(pid)))]


class Subject:
    """What mail is sent through, by clients in the middle network."""

    port = PORT

    def __init__(self, scene, address):
        self.reach = scene.wire.prefix()
        self.address = address

    def pids(self):
        return self.gateway.processes()

    def counters(self):
        return self.gateway.counters()

    def messages(self):
        return self.counters()["messages_accepted"]


class Alone(Subject):
    """A host of its own with the same release, without a failover group."""

    name = "standalone"

    def __init__(self, scene):
        super().__init__(scene, ALONE)
        middle, self.namespace = scene.wire.namespace("wire"), scene.wire.namespace("alone")
        ip("netns", "add", self.namespace)
        ip("-n", self.namespace, "link", "set", "lo", "up")
        ip("-n", self.namespace, "link", "add", "lan", "type", "veth", "peer", "name", "lan-alone", "netns", middle)
        ip("-n", middle, "link", "set", "lan-alone", "master", "lan", "up")
        ip("-n", self.namespace, "address", "add", ALONE + "/24", "dev", "lan")
        ip("-n", self.namespace, "link", "set", "lan", "up")
        self.gateway = Gateway(scene.world.build, scene.world.folder, workers=1, name=self.name)
        self.gateway.prefix = ["nsenter", "--net=/run/netns/" + self.namespace]

    def start(self):
        self.gateway.start()
        self.gateway.configure(self.gateway.static("%s:%d" % (ALONE, PORT), "%s:%d" % (SERVER, PORT)))

    def __exit__(self, *_):
        self.gateway.kill()
        ip("netns", "del", self.namespace, fails=True)


class Pair(Subject):
    """Two hosts, of which the first serves; keepalived's word is said by hand."""

    name = "pair"

    def __init__(self, scene):
        super().__init__(scene, FLOATING[0])
        self.scene = scene
        self.gateway, self.standby = scene.hosts

    def start(self):
        ip("-n", self.scene.wire.namespace("mx1"), "address", "add", FLOATING[0] + "/24", "dev", "lan")
        agree(self.gateway, self.standby)
        self.gateway.keepalived("MASTER")
        paired(self.gateway, self.standby)
        self.gateway.configure("static (inside,outside) tcp %s %d %s %d source %s" % (
            self.address, PORT, SERVER, PORT, self.address))

    def link_bytes(self):
        """What the cable between the hosts has carried, both ways."""
        with self.scene.wire.inside("mx1"), open("/proc/thread-self/net/dev") as file:
            fields = next(line for line in file if line.strip().startswith("eth0:")).split(":")[1].split()
        return int(fields[0]) + int(fields[8])

    def round_trip(self, count):
        """(p50, p99) in microseconds of a message between two processes, one on each host."""
        program = os.path.join(self.scene.world.build, "tests/bench/roundtrip")
        there = [HOSTS["mx2"][0], "7926"]
        answering = self.scene.wire.popen(program, "listen", *there, where="mx2")
        try:
            answering.stdout.readline()
            done = subprocess.run(self.scene.wire.prefix("mx1") + [program, "ask", *there, str(count)],
                                  capture_output=True, text=True, timeout=60)
        finally:
            answering.stdout.close()
            end_process(answering)
        if done.returncode != 0:
            raise Failure("roundtrip: " + done.stderr.strip())
        return tuple(float(word) for word in done.stdout.split())

    def check_whole(self):
        """It has not gone on without its standby while it was measured."""
        check(self.gateway.said("without a standby") == self.began_alone, "the active went on without its standby")
        paired(self.gateway, self.standby)

    def began(self):
        self.began_alone = self.gateway.said("without a standby")


class Scene:
    """Everything; a context manager.  world: as a scenario's."""

    def __init__(self, world):
        check(has_gate(world.build), "this build has no gate: is one of libbpf-dev, clang, bpftool missing?")
        self.world = world

    def __enter__(self):
        try:
            self._make()
        except BaseException:
            self.world.close()
            raise
        return self

    def _make(self):
        self.wire, *self.hosts = pair(self.world)
        Lan(self.wire)
        ip("-n", self.wire.namespace("wire"), "address", "add", SERVER + "/24", "dev", "lan")
        self._sink()
        self.alone = self.world.keep(Alone(self))
        self.pair = Pair(self)
        for subject in (self.alone, self.pair):
            subject.start()
        self.pair.began()

    def _sink(self):
        program, environment = postfix_program("smtp-sink")
        self.sink = subprocess.Popen(
            self.wire.prefix() + [program, "-u", "nobody", "%s:%d" % (SERVER, PORT), "1024"], env=environment,
            cwd="/", stdin=subprocess.DEVNULL)
        self.world.keep(Ended(self.sink))
        with self.wire.inside():
            wait_until(lambda: listens(PORT), "smtp-sink listens")

    def subjects(self):
        return [self.alone, self.pair]

    def sink_pids(self):
        return descendants(self.sink.pid)

    def __exit__(self, *_):
        self.world.close()


class Ended:
    """Ends a process when its world is closed."""

    def __init__(self, process):
        self.process = process

    def __exit__(self, *_):
        end_process(self.process)


def listens(port):
    with open("/proc/thread-self/net/tcp") as table:
        return any(line.split()[1].endswith(":%04X" % port) and line.split()[3] == "0A" for line in list(table)[1:])
