"""The active host of a pair is lost, or gives its role to the other, again and again."""

import os
import random
import time

import phases
from deaths import WORKERS, Deaths
from harness import ROOT, Failure, Workplace
from hosts import NAMES, Hosts

SILENCE_MOST = {"failover": 1000, "switchover": 300}  # ms, p99
SILENCE_FAR = 1000  # ms, over a long way ...
ROUND_TRIPS = 5     # ... and so many more


def lose(hosts):
    return hosts.lose_active(), True


def switch(hosts):
    return hosts.switch(), False


STRIKES = {"failover": lose, "switchover": switch}


class Run:
    def __init__(self, hosts, mode, seed, worker_deaths=False):
        self.hosts, self.strike, self.worker_deaths = hosts, STRIKES[mode], worker_deaths
        self.rng = random.Random(seed)
        self.taken = self.lost = self.done = 0

    def blow(self, number):
        sessions = self.hosts.sessions
        sessions.fill()
        sessions.held.command("established")
        self.hosts.wait_held(len(NAMES) * phases.AT_LEAST)
        sessions.held.command("mark")
        sessions.held.command("go own %d" % phases.MOTION)
        time.sleep(self.rng.uniform(0, 0.05))
        counts = sessions.held_counts()
        deaths = Deaths(self.hosts.standby.host, self.rng) if self.worker_deaths else None
        before, is_gone = self.strike(self.hosts)
        sessions.release(self.rng)
        self.hosts.wait_taken(before)
        taken, lost, words = self.hosts.counted()
        if deaths:
            print("     " + deaths.wait())
        if is_gone:
            self.hosts.bring_back()
        self.hosts.wait_whole()
        sessions.fill(self.hosts.check_moving)
        silence = sessions.held.command("figures")["silence_us"]
        sessions.held.command("mark keep")
        self.taken, self.lost, self.done = self.taken + taken, self.lost + lost, self.done + 1
        few = phases.few(counts, NAMES)
        print("%4d %s serves, %d sessions taken over, %d lost; silence p50 %.0f p99 %.0f max %.0f ms; "
              "failed %d%s" % (number, self.hosts.active.name, taken, lost, silence["p50"] / 1000,
                               silence["p99"] / 1000, silence["max"] / 1000, sessions.sum("failed"),
                               "; FEW: " + ", ".join(few) if few else ""), flush=True)
        if lost or few or sessions.sum("failed"):
            raise Failure("not all sessions survive: " + words)


def record(mode, line):
    with open(os.path.join(ROOT, "tests/torture.d/RESULTS.md"), "a") as results:
        results.write("* %s `%s`: %s\n" % (time.strftime("%Y-%m-%d"), mode, line))


def verdict(arguments, state, figures, seconds):
    """The closing line; true: all is well."""
    silence = figures[0]["silence_all_us"]
    failed = sum(one["failed"] for one in figures)
    wrong = ["%d sessions failed" % failed] if failed else []
    most = SILENCE_FAR + ROUND_TRIPS * arguments.rtt if arguments.rtt else SILENCE_MOST[arguments.mode]
    if silence["p99"] / 1000 > most and not arguments.survival_only:
        wrong.append("silence p99 is over %d ms" % most)
    line = ("seed %d, %d in %d s%s%s: silence p50 %.0f, p99 %.0f, max %.0f ms; %d sessions taken over, %d lost; "
            "%d messages, %d sessions survived; %s" % (
                arguments.seed, state.done, seconds, ", RTT %d ms" % arguments.rtt if arguments.rtt else "",
                ", workers die" if arguments.worker_deaths else "",
                silence["p50"] / 1000, silence["p99"] / 1000,
                silence["max"] / 1000, state.taken, state.lost, sum(one["given"] for one in figures),
                sum(one["done"] for one in figures),
                "all survived" if not wrong else "FAILED: " + "; ".join(wrong)))
    if state.hosts.strays:
        line += " (the address moved by itself %d times)" % state.hosts.strays
    print("verdict: %s: %s" % (arguments.mode, line))
    if arguments.record:
        record(arguments.mode, line)
    return not wrong


def complain(hosts):
    """What all of them say."""
    for text in hosts.sessions.complaints():
        print(text)
    hosts.tell_logs()


def run(build, arguments):
    print("torture %s: seed %d, %d times, %s" % (arguments.mode, arguments.seed, arguments.count, build),
          flush=True)
    began = time.monotonic()
    with Workplace(arguments.keep) as workplace, Hosts(
            build, workplace, arguments.seed, arguments.rtt, WORKERS if arguments.worker_deaths else 1) as hosts:
        state = Run(hosts, arguments.mode, arguments.seed, arguments.worker_deaths)
        try:
            for number in range(1, arguments.count + 1):
                state.blow(number)
            figures, ledger = hosts.finish()
            hosts.check_rest()
            if hosts.distance:
                print("the long cable: " + hosts.distance.told())
        except Failure as failure:
            complain(hosts)
            print("verdict: %s: FAILED: %s" % (arguments.mode, failure))
            return 1
        print(ledger)
        if verdict(arguments, state, figures, time.monotonic() - began):
            return 0
        for text in hosts.sessions.complaints():
            print(text)
        return 1
