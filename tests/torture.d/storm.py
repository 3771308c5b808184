"""Clients come by hundreds while the active host of a pair is lost, again and again: each knows soon where it stands."""

import os
import threading
import time

from failover import Run, complain, record
from harness import Failure, Tool, Workplace, check, wait_until
from hosts import LISTEN, Hosts

WAVES, PER_WAVE = 25, 100   # around each loss
WAVE_SECONDS = 0.16
BEFORE_SECONDS = 1.0        # of waves, until the loss
STAY_MS = 500               # of who is served
WAIT_MOST = 3000.0          # ms, until a client knows
OVER_SECONDS = 60.0         # until all have come to their end


class Storm(Tool):
    """The clients of all waves; a context manager."""

    def __init__(self, build, folder, hosts):
        super().__init__(build, "mailstorm", [STAY_MS, LISTEN], os.path.join(folder, "mailstorm.log"),
                         hosts.lan.wire.prefix())
        self.thread = None

    def begin(self):
        self.thread = threading.Thread(target=self._blow, daemon=True)
        self.thread.start()

    def _blow(self):
        for _ in range(WAVES):
            self.command("wave %d" % PER_WAVE)
            time.sleep(WAVE_SECONDS)

    def wait_over(self):
        """Its figures when all clients have come to their end."""
        self.thread.join()
        wait_until(lambda: self.command("figures")["open"] == 0, "all clients have left", OVER_SECONDS)
        return self.command("figures")


def told(figures):
    wait = figures["wait_us"]
    return ("%d clients: %d served, %d refused, %d turned away by the network; wait p50 %.0f, p99 %.0f, max %.0f ms" % (
        figures["clients"], figures["served"], figures["refused"], figures["reset"], wait["p50"] / 1000,
        wait["p99"] / 1000, wait["max"] / 1000))


def wrong(figures, survival_only):
    """What must not be."""
    found = ["%d %s" % (figures[name], text) for name, text in (
        ("never", "never got anything"), ("broken", "were served and broken off"),
        ("foreign", "got another greeting")) if figures[name]]
    if figures["wait_us"]["max"] / 1000 > WAIT_MOST and not survival_only:
        found.append("somebody waited longer than %d ms" % WAIT_MOST)
    if figures["clients"] != figures["served"] + figures["refused"] + figures["reset"] + figures["never"] + \
            figures["foreign"]:
        found.append("clients are missing")
    return found


def losses(hosts, storm, arguments):
    state = Run(hosts, "failover", arguments.seed)
    for number in range(1, arguments.count + 1):
        hosts.sessions.fill()
        storm.begin()
        time.sleep(BEFORE_SECONDS)
        state.blow(number)
        figures = storm.wait_over()
        print("     " + told(figures), flush=True)
        found = wrong(figures, arguments.survival_only)
        check(not found, "; ".join(found))
    return figures


def run(build, arguments):
    print("torture storm: seed %d, %d losses, %s" % (arguments.seed, arguments.count, build), flush=True)
    began = time.monotonic()
    with Workplace(arguments.keep) as workplace, Hosts(build, workplace, arguments.seed, arguments.rtt) as hosts:
        storm = hosts.world.keep(Storm(build, workplace, hosts))
        try:
            figures = losses(hosts, storm, arguments)
            sources, ledger = hosts.finish()
            check(not sum(one["failed"] for one in sources), "sessions failed")
            hosts.check_rest()
        except Failure as failure:
            print(storm.errors())
            complain(hosts)
            print("verdict: storm: FAILED: %s" % failure)
            return 1
    print(ledger)
    line = "seed %d, %d losses in %d s%s: %s; all served or refused" % (
        arguments.seed, arguments.count, time.monotonic() - began,
        ", RTT %d ms" % arguments.rtt if arguments.rtt else "", told(figures))
    print("verdict: storm: " + line)
    if arguments.record:
        record("storm", line)
    return 0
