"""A run of blows: the traffic is full, the blow falls, all goes on, the gateway is whole again."""

import random
import time

import phases
from blows import NO_WORKER
from harness import Failure, check, process_lives, wait_until

CALM = 3               # rounds without a blow: what the machine itself costs
BACK_SECONDS = 30.0    # until all processes are there again
FIRES_SECONDS = 10.0   # until an armed failpoint is reached
FAILED_MOST = 50       # then the run is given up
RESET_OF_SERVER = 4    # connections the server resets before the blow; the others after it
LOOK_EVERY = 5         # blows between two looks at what the gateway says of its sessions
UNSERVED_MOST = 64     # sessions lost before the first byte that a supervisor's death may cost: what
                       # it has accepted from one listener at one wake-up and not handed over yet
DOOMED_SECONDS = 30.0  # until those are gone whom nobody holds any more


class Run:
    def __init__(self, traffic, seed):
        self.traffic = traffic
        self.rng = random.Random(seed)
        self.roles = {}
        self.unserved = 0
        self.released = False  # since the blow
        self.blows = 0
        self.unreached = 0
        self.calm_ms = None  # not measured
        self.no_worker_ms = []  # p99 of each blow that left no worker
        self.least_seen = {}

    def calm(self):
        rounds = []
        for _ in range(CALM):
            self.traffic.fill()
            self.traffic.held.command("mark")
            self.traffic.go_on(self.rng)
            self.traffic.fill()
            rounds.append(self.traffic.held.command("figures")["silence_us"]["p99"])
        self.calm_ms = sorted(rounds)[CALM // 2] / 1000
        print("calm: silence p99 %.1f ms without any blow" % self.calm_ms, flush=True)
        self.traffic.held.command("mark")

    def motion(self, blow):
        """Some sessions of each phase set out just before the blow."""
        if blow.motion:
            self.traffic.held.send("go own %d" % phases.MOTION)
        self.traffic.sink.send("reset %d" % RESET_OF_SERVER)
        if blow.motion:
            self.traffic.held.read()
        self.traffic.sink.read()
        time.sleep(blow.before)

    def kill(self, roles, how=""):
        """In one instant, with all else that happens then; what was held."""
        pids = ",".join(str(self.roles[role]) for role in roles) or "0"
        return self.traffic.held.command("blow %s%s" % (pids, how))

    def release(self, rng=None):
        self.traffic.release(rng, again=self.released)
        self.released = True

    def look(self):
        """The gateway's own account of the sessions: they are where the sources believe them."""
        seen = phases.seen_by_gateway(self.traffic.gateway.show("conn")["sessions"])
        few = ["%s %d of %d" % (name, seen[name], least)
               for name, least in phases.at_gateway().items() if seen[name] < least]
        check(not few, "the gateway has too few sessions: %s" % ", ".join(few))
        for name in phases.at_gateway():
            self.least_seen[name] = min(seen[name], self.least_seen.get(name, seen[name]))

    def wait_deaths(self, pids, starts):
        """Of those, and until the keeper has started so many supervisors."""
        end = time.monotonic() + FIRES_SECONDS
        while any(process_lives(pid) for pid in pids) or self.traffic.keeper.starts < starts:
            if time.monotonic() > end:
                self.unreached += 1
                return False
            if time.monotonic() > end - FIRES_SECONDS + 0.2:
                self.release()
            time.sleep(0.002)
        return True

    def roles_now(self):
        """{} while nobody answers."""
        try:
            return self.traffic.gateway.roles()
        except Failure:
            return {}

    def wait_successor(self):
        """Another supervisor is there, whatever its workers do."""
        wait_until(lambda: self.roles_now().get("supervisor", self.roles["supervisor"]) !=
                   self.roles["supervisor"], "the next supervisor is there", BACK_SECONDS)

    def wait_back(self, dead):
        """Every role is there again, held by another process where it had to die; ms."""
        began = time.monotonic()
        now = {}

        def whole():
            now.clear()
            now.update(self.roles_now())
            return set(now) == set(self.roles) and all(now[r] != self.roles[r] for r in dead)
        wait_until(whole, "all processes are there again", BACK_SECONDS)
        others = [role for role in self.roles if role not in dead and now[role] != self.roles[role]]
        check(not others, "the blow has cost others too: %s" % ", ".join(others))
        return (time.monotonic() - began) * 1000

    def hit(self, blow):
        """The blow, and all that goes on after it; what the sources held at it, and a line's end."""
        traffic = self.traffic
        self.roles = traffic.gateway.roles()
        self.released = False
        starts = traffic.keeper.starts + blow.kind.starts
        at_blow, dead = blow.strike(self)
        time.sleep(blow.after)
        self.release(self.rng)
        traffic.sink.command("reset")
        died = self.wait_deaths([self.roles[role] for role in dead], starts)
        back = self.wait_back(dead if died else [])
        traffic.command_all("resume")
        self.count_lost(blow.kind.starts)
        self.blows += 1
        return at_blow, "%4d %-34s %-18s back in %.0f ms%s" % (
            blow.number + 1, blow.name(), ", ".join(dead), back, "" if died else ", NOT REACHED")

    def count_lost(self, deaths):
        """Those who may be lost are, and no others; deaths: of supervisors."""
        wait_until(lambda: self.traffic.sum("doomed") == 0, "all that nobody holds has ended",
                   DOOMED_SECONDS, 0.1)
        unserved = self.traffic.sum("unserved")
        check(unserved - self.unserved <= UNSERVED_MOST * deaths, "the blow has cost %d sessions that had "
              "got no byte yet" % (unserved - self.unserved))
        self.unserved = unserved

    def failed(self):
        failed = self.traffic.sum("failed")
        check(failed < FAILED_MOST, "too many sessions have failed")
        return failed

    def blow(self, blow):
        """One of a series in which the phases are full each time."""
        traffic = self.traffic
        traffic.fill()
        if self.blows % LOOK_EVERY == 0:
            self.look()
        held = traffic.held_counts()
        held["reset-server"] -= RESET_OF_SERVER
        traffic.held.command("established")
        at_blow, line = self.hit(blow)
        counts = {name: min(count, held[name]) for name, count in at_blow["phases"].items()}
        traffic.fill()
        traffic.leaks.watch()
        figures = traffic.held.command("figures")
        silence, greeting = figures["silence_us"], figures["greeting_us"]
        if blow.kind.silence == NO_WORKER:
            self.no_worker_ms.append(silence["p99"] / 1000)
        traffic.held.command("mark keep" if blow.kind.silence == "judged" else "mark")
        least = min(phases.NAMES, key=lambda name: counts[name])
        print("%s, silence p99 %.1f max %.1f ms, greeting p99 %.1f ms, at least %d in each of %d "
              "phases (%s), failed %d" % (
                  line, silence["p99"] / 1000, silence["max"] / 1000, greeting["p99"] / 1000,
                  counts[least], len(phases.NAMES), least, self.failed()), flush=True)
        few = phases.few(counts)
        check(not few, "fewer than %d sessions at the blow: %s" % (phases.AT_LEAST, ", ".join(few)))
