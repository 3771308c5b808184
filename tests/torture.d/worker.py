"""Workers are killed, at random instants and at every failpoint."""

import os
import random
import re
import time

from harness import ROOT, Failure, Workplace, check, process_lives
from traffic import AT_LEAST, MOTION, PHASES, Traffic

SILENCE_MOST = 50.0    # ms, p99
CALM_MOST = 25.0       # ms, p99 without a blow: a machine busier than that cannot be judged by
CALM = 3               # rounds without a blow: what the machine itself costs
BACK_SECONDS = 10.0    # until the pool of workers is whole again
FIRES_SECONDS = 5.0    # until an armed failpoint is reached
FAILED_MOST = 50       # then the run is given up
RESET_OF_SERVER = 10   # connections the server resets before the blow; the others after it


def failpoints():
    """The names, in the order of the header that declares them."""
    with open(os.path.join(ROOT, "shm/failpoint.h")) as header:
        names = re.findall(r"^\s*X\((\w+)\)", header.read(), re.MULTILINE)
    if not names:
        raise Failure("shm/failpoint.h names no failpoints")
    return names


class Blow:
    def __init__(self, number, rng, points):
        self.number = number
        self.point = None
        self.passes = 0
        if number % 2 == 1:
            self.point = points[number // 2 % len(points)]
            self.passes = rng.choice((1, 2, 3, 5, 8, 13, 21, 55, 144))
            if self.point.startswith("adopt_") or self.point in ("opened", "finished"):
                self.passes = rng.choice((1, 2, 3, 5, 8))
        self.victim = rng.randrange(2)
        self.before = rng.uniform(0, 0.040)
        self.after = rng.uniform(0, 0.030)
        self.stop = rng.random() < 0.5
        self.motion = rng.random() < 0.7

    def name(self):
        if self.point is None:
            return "kill -9" + (" of a stopped worker" if self.stop else "")
        return "failpoint %s pass %d" % (self.point, self.passes)


class Run:
    def __init__(self, traffic, seed, count):
        self.traffic = traffic
        self.rng = random.Random(seed)
        self.count = count
        self.points = failpoints()
        self.unreached = 0
        self.calm_ms = 0.0

    def calm(self):
        rounds = []
        for _ in range(CALM):
            self.traffic.fill()
            self.traffic.held.command("mark")
            self.traffic.held.command("go own %d" % MOTION)
            self.traffic.release(self.rng)
            self.traffic.sink.command("reset")
            self.traffic.fill()
            rounds.append(self.traffic.held.command("figures")["silence_us"]["p99"])
        self.calm_ms = sorted(rounds)[CALM // 2] / 1000
        print("calm: silence p99 %.1f ms without any blow" % self.calm_ms, flush=True)
        self.traffic.held.command("mark")

    def motion(self, blow):
        """Some sessions of each phase set out just before the blow."""
        if blow.motion:
            self.traffic.held.send("go own %d" % MOTION)
        self.traffic.sink.send("reset %d" % RESET_OF_SERVER)
        if blow.motion:
            self.traffic.held.read()
        self.traffic.sink.read()
        time.sleep(blow.before)

    def strike(self, blow, workers):
        """Returns what was held at the blow and the pids that must die."""
        traffic, pid = self.traffic, workers[blow.victim]
        if blow.point is None:
            self.motion(blow)
            return traffic.held.command("blow %d%s" % (pid, " stop" if blow.stop else "")), [pid]
        other = workers[1 - blow.victim]
        adopts = blow.point.startswith("adopt_")
        traffic.gateway.ctl("test failpoint worker %d %s %d" % (
            1 - blow.victim if adopts else blow.victim, blow.point, blow.passes))
        self.motion(blow)
        held = traffic.held.command("blow %d" % (pid if adopts else 0))
        return held, [pid, other] if adopts else [pid]

    def wait_deaths(self, blow, pids):
        end = time.monotonic() + FIRES_SECONDS
        while any(process_lives(pid) for pid in pids):
            if time.monotonic() > end:
                self.unreached += 1
                return False
            if time.monotonic() > end - FIRES_SECONDS + 0.2:
                self.traffic.release()
            time.sleep(0.002)
        return True

    def wait_back(self, dead):
        began = time.monotonic()
        while time.monotonic() < began + BACK_SECONDS:
            alive = self.traffic.gateway.workers()
            if len(alive) == 2 and not set(alive.values()) & set(dead):
                return time.monotonic() - began
            time.sleep(0.02)
        raise Failure("the workers did not come back within %g s: %s" % (
            BACK_SECONDS, self.traffic.gateway.log()[-500:]))

    def blow(self, blow):
        traffic = self.traffic
        traffic.fill()
        held = traffic.held_counts()
        workers = traffic.gateway.workers()
        check(len(workers) == 2, "there are not two workers: %s" % workers)
        at_blow, pids = self.strike(blow, workers)
        phases = dict(at_blow["phases"])
        phases["reset-server"] = min(phases["reset-server"], held["reset-server"] - RESET_OF_SERVER)
        time.sleep(blow.after)
        traffic.release(self.rng)
        traffic.sink.command("reset")
        died = self.wait_deaths(blow, pids)
        back = self.wait_back(pids if died else [])
        traffic.fill()
        silence = traffic.held.command("figures")["silence_us"]
        traffic.held.command("mark keep")
        failed = traffic.failures()
        print("%4d %-34s worker %d  %s  silence p99 %.1f max %.1f ms, back in %.0f ms, failed %d%s" % (
            blow.number + 1, blow.name(), blow.victim,
            " ".join("%s %d" % (phase, phases[phase]) for phase in PHASES),
            silence["p99"] / 1000, silence["max"] / 1000, back * 1000, failed,
            "" if died else ", NOT REACHED"), flush=True)
        few = [phase for phase in PHASES if phases[phase] < AT_LEAST]
        check(not few, "fewer than %d sessions at the blow in: %s" % (AT_LEAST, ", ".join(few)))
        check(failed < FAILED_MOST, "too many sessions have failed")


def run(build, arguments):
    print("torture worker: seed %d, %d blows, %s" % (arguments.seed, arguments.count, build))
    began = time.monotonic()
    with Workplace(arguments.keep) as workplace, \
            Traffic(build, workplace, arguments.seed % (1 << 32)) as traffic:
        if arguments.keep:
            print("logs and ledgers: %s" % workplace)
        state = Run(traffic, arguments.seed, arguments.count)
        trouble = None
        try:
            state.calm()
            for number in range(arguments.count):
                state.blow(Blow(number, state.rng, state.points))
            held, load, sink, counters, ledger = traffic.finish()
        except Failure as failure:
            trouble = str(failure)
        if trouble is not None:
            for text in traffic.complaints():
                print(text)
            print("gateway's log: %s" % traffic.gateway.log()[-2000:])
            print("verdict: FAILED: %s" % trouble)
            return 1
        return verdict(state, arguments, held, load, sink, counters, ledger,
                       time.monotonic() - began)


def verdict(state, arguments, held, load, sink, counters, ledger, seconds):
    silence = held["silence_all_us"]
    failed = held["failed"] + load["failed"]
    wrong = []
    if failed:
        wrong.append("%d sessions failed" % failed)
    if state.unreached:
        wrong.append("%d failpoints were not reached" % state.unreached)
    judged = state.calm_ms <= CALM_MOST
    if judged and not arguments.survival_only and silence["p99"] / 1000 > SILENCE_MOST:
        wrong.append("silence p99 is over %g ms" % SILENCE_MOST)
    for name in ("sessions_poisoned", "sessions_invalid"):
        if counters.get(name, 0):
            wrong.append("%s is %d" % (name, counters[name]))
    if sink["differs"] or sink["foreign"] or sink["violations"]:
        wrong.append("the sink saw %d altered, %d foreign, %d violations" % (
            sink["differs"], sink["foreign"], sink["violations"]))
    for text in state.traffic.complaints() if wrong else []:
        print(text)
    print(ledger)
    print("sessions %d held and %d of the load, adopted %d, survived %d, failed %d; messages given %d" % (
        held["sessions"], load["sessions"], counters.get("sessions_adopted", 0),
        held["done"] + load["done"], failed, held["given"] + load["given"]))
    line = "seed %d, %d blows in %.0f s: silence p50 %.1f, p99 %.1f, max %.1f ms (calm p99 %.1f%s); %s" % (
        arguments.seed, arguments.count, seconds, silence["p50"] / 1000, silence["p99"] / 1000,
        silence["max"] / 1000, state.calm_ms, "" if judged else ": too busy to judge silence by",
        "all survived" if not wrong else "FAILED: " + "; ".join(wrong))
    print("verdict: worker: " + line)
    if arguments.record:
        with open(os.path.join(ROOT, "tests/torture.d/RESULTS.md"), "a") as results:
            results.write("* %s `worker`: %s\n" % (time.strftime("%Y-%m-%d"), line))
    return 1 if wrong else 0
