"""Workers in a pair: what they do waits for the standby, which a tool plays."""

import os
import socket
import time

from faults import held
from garbage import connect
from harness import Tool, check, wait_until
from registry import scenario

PHASES = ("data", "tls", "idle", "urgent")


class Standby(Tool):
    def __init__(self, build, folder, gateway):
        workers = gateway.workers()
        super().__init__(build, "mailstandby", [workers[index] for index in sorted(workers)],
                         os.path.join(folder, "standby.log"))

    def tell(self, text):
        answer = self.command(text)
        check(answer["done"], "mailstandby does not %s: %s %s" % (text, answer, self.errors(5)))
        return answer


def paired(world, gateway):
    """The gateway has a standby that acknowledges at once."""
    standby = world.keep(Standby(world.build, world.folder, gateway))
    standby.tell("paired")
    return standby


def replaced(gateway, index):
    """kill -9 of a worker, and another in its place."""
    pid = gateway.workers()[index]
    os.kill(pid, 9)
    wait_until(lambda: len(gateway.workers()) == 2 and pid not in gateway.workers().values(),
               "the worker is replaced", 30)


@scenario
def pair_mail(world):
    """Mail of all sizes while a standby acknowledges, at once and late; nothing is left behind."""
    sink = world.sink()
    gateway = world.gate()
    standby = paired(world, gateway)
    sources = []
    for delay, messages in ((0, 300), (5, 100)):
        standby.tell("acknowledge %d" % delay)
        before = standby.tell("status")["entries"]
        source, _ = world.mail_exactly(sink, "--messages", messages, "--connections", 10,
                                       "--per-connection", 5, "--sizes", "1k-64k", "--seed", 2 + delay)
        sources.append(source)
        check(standby.tell("status")["entries"] > before + 5 * messages, "the standby had nothing to do")
        source, _ = world.mail_exactly(sink, "--messages", 2, "--connections", 2, "--sizes", "50m",
                                       "--seed", 3 + delay)
        sources.append(source)
    wait_until(lambda: standby.tell("status")["open"] == 0, "all is acknowledged")
    gateway.check_nothing_left()
    world.ledgers(sink, *sources)


@scenario
def pair_withheld(world):
    """Nothing is acknowledged: no byte and no end reaches a peer, workers die, and then all go on."""
    sink = world.sink()
    gateway = world.gate()
    standby = paired(world, gateway)
    quiet = held(world, PHASES, 10)
    source = world.source("--messages", 400, "--connections", 20, "--per-connection", 3, "--rate", 200,
                          "--sizes", "1k-256k", "--seed", 2, world.listen)
    wait_until(lambda: sink.command("figures")["messages"] > 50, "mail passes", 30)
    standby.tell("withhold")
    with connect(world.listen, 1) as client:
        time.sleep(0.5)
        messages = sink.command("figures")["messages"]
        for index in (0, 1):
            replaced(gateway, index)
        try:
            check(False, "a client was told %r" % client.recv(100))
        except socket.timeout:
            pass
        check(sink.command("figures")["messages"] == messages, "messages went on")
        standby.tell("acknowledge 0")
        client.settimeout(30)
        check(client.recv(100).startswith(b"220"), "no greeting afterwards")
    check(gateway.counters()["sessions_adopted"] > 0, "nothing was adopted")
    for one in (source.finish(), quiet.stop()):
        check(one["failed"] == 0, "sessions did not survive: %s %s" % (source.errors(4), quiet.errors(4)))
    gateway.check_nothing_left()
    world.ledgers(sink, source, quiet)


@scenario
def pair_modes(world):
    """The standby goes and comes, and everything is held for a while, under load."""
    sink = world.sink()
    gateway = world.gate()
    standby = paired(world, gateway)
    source = world.source("--messages", -1, "--connections", 20, "--per-connection", 3, "--rate", 200,
                          "--sizes", "1k-256k", world.listen)
    for mode in ("alone", "paired", "held", "paired", "alone", "held", "alone", "paired") * 2:
        before = sink.command("figures")["messages"]
        standby.tell(mode)
        if mode == "held":
            time.sleep(0.2)
        else:
            wait_until(lambda: sink.command("figures")["messages"] > before + 10,
                       "mail passes when %s" % mode, 30)
    figures = source.stop()
    check(figures["failed"] == 0, "sessions failed: " + source.errors(4))
    gateway.check_nothing_left()
    world.ledgers(sink, source)
